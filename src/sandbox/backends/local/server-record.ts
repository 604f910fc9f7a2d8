/** What is kept beside a local server, in its own folder, so that it is found even when Glovebox's record is lost. */
import path from 'node:path';
import * as z from 'zod';
import type { Clock } from '#platform/clock.ts';
import { RecordStore } from '#platform/records.ts';
import { sandboxFolder } from '#sandbox/records.ts';

const identity = z.object({
  host: z.string(),
  bootId: z.string(),
  pid: z.number(),
  startTime: z.string(),
  uid: z.number(),
});

const end = z.object({
  cause: z.enum(['stopped', 'start-failed', 'idle', 'out-of-memory', 'cancelled', 'unknown']),
  message: z.string(),
  atMs: z.number(),
  logTail: z.array(z.string()),
});
export type ServerEnd = z.output<typeof end>;

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
  starter: identity,
  startedMs: z.number(),
  rootDir: z.string(),
  bindIp: z.string().exactOptional(),
  port: z.number().exactOptional(),
  /** Short-lived files of the server and its kernels. */
  runtimeDir: z.string().exactOptional(),
  server: identity.exactOptional(),
  readyMs: z.number().exactOptional(),
  stoppingMs: z.number().exactOptional(),
  end: end.exactOptional(),
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

const SERVER = 'server';

/** The one record of one local sandbox's server. */
export class ServerStore {
  readonly #records: RecordStore<ServerRecord>;

  constructor(dir: string, id: string, clock: Clock) {
    this.#records = new RecordStore({
      folder: sandboxFolder(dir, id),
      name: SERVER,
      parse: (raw) => serverRecord.parse(raw),
      clock,
    });
  }

  read(): Promise<ServerRecord | undefined> {
    return this.#records.read(SERVER);
  }

  create(record: ServerRecord): Promise<ServerRecord> {
    return this.#records.create(SERVER, record);
  }

  update(change: (current: ServerRecord) => ServerRecord): Promise<ServerRecord> {
    return this.#records.update(SERVER, change);
  }
}
