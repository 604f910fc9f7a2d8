/** Finds sandboxes of a project that no record names: by what lies beside them here, and by what the cluster knows of our jobs. */
import { readdir } from 'node:fs/promises';
import * as z from 'zod';
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { Host } from '#platform/host.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { SandboxHandle } from '#sandbox/backend.ts';
import { sandboxesFolder } from '#sandbox/records.ts';
import { jobState } from './life.ts';
import { folderOnCluster, type SlurmParts } from './parts.ts';
import type { JobRecord } from './record.ts';
import { schedulerCommand } from './scheduler-command.ts';
import { TUNNEL_MODES } from './settings.ts';
import { eventOfWord } from './state-table.ts';

/** Who lists sandboxes does not wait long for a cluster that may be out of reach. */
const LIMIT_MS = 5000;

/** What is written beside the log of a job, for somebody who has lost everything else. No secret is in it. */
const jobNote = z.object({
  id: z.string(),
  projectDir: z.string(),
  nodeTmp: z.string(),
  sharedDisk: z.boolean(),
  tunnel: z.enum(TUNNEL_MODES),
});
export type JobNote = z.output<typeof jobNote>;
export const JOB_NOTE = 'job.json';

/** A cluster that did not answer is left alone for so long. */
const QUIET_MS = 60_000;

export type Discovery = (
  projectDir: string,
  signal: AbortSignal,
) => Promise<readonly SandboxHandle[]>;

/** The result throws nothing but `cancelled`. */
export function createDiscovery(parts: SlurmParts): Discovery {
  const { clock, log } = parts;
  let quietUntil = Number.NEGATIVE_INFINITY;
  return async (projectDir, signal) => {
    const known = await besideUs(projectDir, parts, signal);
    if (clock.monotonic() < quietUntil) return known;
    const limit = new AbortController();
    const cancelTimer = clock.after(LIMIT_MS, () => limit.abort());
    try {
      const either = AbortSignal.any([signal, limit.signal]);
      return [...known, ...(await abandonOn(onCluster(projectDir, parts, either), either))];
    } catch (error) {
      throwIfAborted(signal);
      // No cluster, no login, no answer: then nothing is known, which is no reason not to list the others.
      log.debug(`Jobs without a record: ${messageOf(error)}`);
      quietUntil = clock.monotonic() + QUIET_MS;
      return known;
    } finally {
      cancelTimer();
    }
  };
}

/** The records of the jobs themselves are kept apart from those of sandboxes, and may have survived. */
async function besideUs(
  projectDir: string,
  parts: SlurmParts,
  signal: AbortSignal,
): Promise<SandboxHandle[]> {
  const found: SandboxHandle[] = [];
  const names: string[] = await readdir(sandboxesFolder(parts.settings().dir)).catch(() => []);
  for (const id of names.filter((name) => /^[a-z0-9-]+$/.test(name))) {
    const record = await parts
      .store(id)
      .read()
      .catch(() => undefined);
    if (record?.projectDir !== projectDir || record.phase === 'ended') continue;
    const { generation } = record;
    const { state } = await jobState({ id, generation }, parts, signal);
    if (state !== 'ended' && state !== 'unknown') found.push(toHandle(id, record));
  }
  return found;
}

async function onCluster(
  projectDir: string,
  parts: SlurmParts,
  signal: AbortSignal,
): Promise<SandboxHandle[]> {
  const host = await parts.host();
  const found: SandboxHandle[] = [];
  for (const job of await ownJobs(host, signal)) {
    const store = parts.store(job.name);
    if ((await store.read()) !== undefined) continue;
    const jobsDir = await folderOnCluster(host, parts.settings().jobsDir, signal);
    const jobDir = `${jobsDir}/${job.name}-${job.nonce}`;
    const note = parseNote(await host.readFile(`${jobDir}/${JOB_NOTE}`, { signal }));
    if (note?.projectDir !== projectDir || note.id !== job.name) continue;
    const record = recordOf(job, note, jobDir, host, parts.clock.now());
    await store.create(record).catch((error: unknown) => {
      // Another process of ours looks at the same time.
      if (!isGloveboxError(error, 'record/exists')) throw error;
    });
    found.push(toHandle(job.name, record));
  }
  return found;
}

interface OwnJob {
  readonly id: string;
  readonly name: string;
  readonly nonce: string;
  readonly generation: number;
}

async function ownJobs(host: Host, signal: AbortSignal): Promise<readonly OwnJob[]> {
  const argv = ['squeue', '-h', '--me', '-t', 'all', '-o', '%A|%T|%j|%k'];
  const { code, stdout } = await schedulerCommand(host, argv, { signal, timeoutMs: LIMIT_MS });
  if (code !== 0) return [];
  return stdout.split('\n').flatMap((line) => {
    const [id = '', word = '', name = '', comment = ''] = line.split('|');
    const [, nonce, generation] = /^glovebox:([0-9a-f]+):(\d+)$/.exec(comment) ?? [];
    const isOurs = /^\d+$/.test(id) && /^[a-z0-9-]+$/.test(name) && nonce !== undefined;
    if (!isOurs || eventOfWord(word) === 'finished') return [];
    return [{ id, name, nonce, generation: Number(generation) }];
  });
}

function recordOf(
  { id, nonce, generation }: OwnJob,
  { projectDir, nodeTmp, sharedDisk, tunnel }: JobNote,
  jobDir: string,
  host: Host,
  now: number,
): JobRecord {
  return {
    projectDir,
    phase: 'pending',
    generation,
    claim: newUuid(),
    starter: currentIdentity(),
    startedMs: now,
    submittingMs: now,
    nonce,
    hostName: host.name,
    isRemote: host.isRemote,
    jobDir,
    nodeTmp,
    sharedDisk,
    tunnel,
    job: { id, submittedMs: now },
    // It may have been, and what may have served is never cancelled for its silence.
    served: true,
  };
}

function parseNote(text: string | undefined): JobNote | undefined {
  try {
    return jobNote.parse(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}

const toHandle = (
  id: string,
  { projectDir, generation, nonce, job }: JobRecord,
): SandboxHandle => ({
  id,
  projectDir,
  generation,
  data: { nonce, ...(job !== undefined && { job_id: job.id }) },
});
