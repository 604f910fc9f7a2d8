/** What is kept beside a local server, in its own folder, so that it is found even when Glovebox's record is lost. */
import path from 'node:path';
import * as z from 'zod';
import type { Clock } from '#platform/clock.ts';
import { OwnRecord } from '#sandbox/own-record.ts';
import { recordedEnd, recordedProcess } from '#sandbox/recorded.ts';
import { sandboxFolder } from '#sandbox/records.ts';

const serverRecord = z.object({
  projectDir: z.string(),
  /**
   * - `preparing`: nothing runs yet; `starter` makes or looks for a Python.
   * - `launching`: `starter` is about to start, or has just started, a process that names `configFile`.
   * - `running`: `server` was started.
   * - `stopping`: somebody ends it.
   * - `ended`: it is gone; `end` says why.
   */
  phase: z.enum(['preparing', 'launching', 'running', 'stopping', 'ended']),
  generation: z.number(),
  /** New with each start; whoever finds another one here has lost the right to go on. */
  claim: z.string(),
  starter: recordedProcess,
  startedMs: z.number(),
  rootDir: z.string(),
  bindIp: z.string().exactOptional(),
  port: z.number().exactOptional(),
  /** Short-lived files of the server and its kernels. */
  runtimeDir: z.string().exactOptional(),
  server: recordedProcess.exactOptional(),
  readyMs: z.number().exactOptional(),
  /** When the server ends by itself, whatever runs. */
  deadlineMs: z.number().exactOptional(),
  stoppingMs: z.number().exactOptional(),
  end: recordedEnd.exactOptional(),
});
export type ServerRecord = Readonly<z.output<typeof serverRecord>>;

/** Where everything of one local sandbox lies. */
export interface ServerFiles {
  readonly folder: string;
  readonly token: string;
  readonly config: string;
  readonly log: string;
  readonly configDir: string;
  readonly dataDir: string;
}

export function serverFiles(dir: string, id: string): ServerFiles {
  const folder = sandboxFolder(dir, id);
  const at = (name: string): string => path.join(folder, name);
  return {
    folder,
    token: at('token'),
    config: at('server-config.json'),
    log: at('server.log'),
    configDir: at('jupyter-config'),
    dataDir: at('jupyter-data'),
  };
}

/** The one record of one local sandbox's server. */
export type ServerStore = OwnRecord<ServerRecord>;

export const serverStore = (dir: string, id: string, clock: Clock): ServerStore =>
  new OwnRecord({ dir, id, clock, name: 'server', parse: (raw) => serverRecord.parse(raw) });
