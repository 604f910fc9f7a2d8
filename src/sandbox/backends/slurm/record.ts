/** What is kept beside a SLURM sandbox, in its own folder: enough for any process to follow, reach and end its job. */
import path from 'node:path';
import * as z from 'zod';
import type { Clock } from '#platform/clock.ts';
import { OwnRecord } from '#sandbox/own-record.ts';
import { recordedEnd, recordedProcess } from '#sandbox/recorded.ts';
import { sandboxFolder } from '#sandbox/records.ts';
import { TUNNEL_MODES } from './settings.ts';
import { PHASES } from './state-table.ts';

const address = z.union([
  z.object({ socket: z.string() }),
  z.object({ ip: z.string(), port: z.number() }),
]);

const server = z.object({
  node: z.string(),
  /** The node-local folder, where sockets and the relay are. */
  folder: z.string(),
  address,
  root: z.string(),
  /** Whether the node sees the project's folder, and the folder of the job. */
  seesRoot: z.boolean(),
  seesJobFolder: z.boolean(),
  pid: z.number().exactOptional(),
  /** Of its certificate; only where it listens on a network. */
  fingerprint: z.string().exactOptional(),
});
export type ServerPlace = z.output<typeof server>;

const jobRecord = z.object({
  projectDir: z.string(),
  phase: z.enum(PHASES),
  generation: z.number(),
  /** New with each start; whoever finds another one here has lost the right to go on. */
  claim: z.string(),
  /** Who submits, or submitted. */
  starter: recordedProcess,
  startedMs: z.number(),
  /** In the job's comment and in the names of its folders: tells our job from any other. */
  nonce: z.string(),
  /** The machine on which the scheduler is asked. */
  hostName: z.string(),
  /** What that machine calls itself: a name may lead to another login node next time. */
  loginHost: z.string().exactOptional(),
  /** It is not this machine, so the same path is another file. */
  isRemote: z.boolean().exactOptional(),
  jobDir: z.string().exactOptional(),
  nodeTmp: z.string().exactOptional(),
  sharedDisk: z.boolean().exactOptional(),
  tunnel: z.enum(TUNNEL_MODES).exactOptional(),
  /** Why it is that one, where nobody has asked for it. */
  tunnelReason: z.string().exactOptional(),
  /** Why its time limit is shorter than usual, where nobody has asked for one. */
  timeReason: z.string().exactOptional(),
  /** The end of a log that stays on its node, as it was read last. */
  logTail: z.array(z.string()).exactOptional(),
  /** The cluster that was asked for, where there are several. */
  cluster: z.string().exactOptional(),
  /** When `sbatch` was about to be called; absent: it surely was not. */
  submittingMs: z.number().exactOptional(),
  /** The submission gave no answer: there may be a job that only the nonce finds. */
  unsure: z.boolean().exactOptional(),
  /** When it was first looked for in vain. */
  searchedMs: z.number().exactOptional(),
  job: z
    .object({ id: z.string(), cluster: z.string().exactOptional(), submittedMs: z.number() })
    .exactOptional(),
  /** What the scheduler said last. */
  seen: z
    .object({
      word: z.string(),
      reason: z.string().exactOptional(),
      node: z.string().exactOptional(),
      startMs: z.number().exactOptional(),
      /** By this machine's clock; absent without a limit. */
      endsMs: z.number().exactOptional(),
      atMs: z.number(),
    })
    .exactOptional(),
  /** Start of the job that `generation` stands for, by the cluster's clock, and how often SLURM had started it anew. */
  start: z.object({ startMs: z.number().exactOptional(), restarts: z.number() }).exactOptional(),
  /** Values for its kernels lie in its folder, until its node has taken them. */
  hasVariables: z.boolean().exactOptional(),
  /** What a start may take beyond the usual: its node installs things first. */
  equipLimitMs: z.number().exactOptional(),
  /** Time of RUNNING without an answer, as far as it was watched. */
  startUsedMs: z.number().exactOptional(),
  server: server.exactOptional(),
  /** A loopback listener of a living process of this user on this machine, whoever that is. */
  relay: z.object({ port: z.number(), owner: recordedProcess }).exactOptional(),
  readyMs: z.number().exactOptional(),
  /** Health checks that failed one after another. */
  failing: z.object({ sinceMs: z.number(), count: z.number() }).exactOptional(),
  /** A server of an earlier generation was ready. */
  served: z.boolean().exactOptional(),
  stoppingMs: z.number().exactOptional(),
  end: recordedEnd.exactOptional(),
});
export type JobRecord = Readonly<z.output<typeof jobRecord>>;
export type Job = NonNullable<JobRecord['job']>;

/** The token of the server, in a private file of its own. */
export const tokenFile = (dir: string, id: string): string =>
  path.join(sandboxFolder(dir, id), 'token');

/** The one record of one SLURM sandbox. */
export type JobStore = OwnRecord<JobRecord>;

export const jobStore = (dir: string, id: string, clock: Clock): JobStore =>
  new OwnRecord({ dir, id, clock, name: 'job', parse: (raw) => jobRecord.parse(raw) });
