/** The journal of runs: `runs/<run_id>/run.json` says how a run stands, `output.jsonl` holds every output it had. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { readTextIfExists } from '#platform/files.ts';
import {
  AppendFile,
  listFolder,
  makePrivateFolder,
  readLines,
  removeFolder,
  replaceFile,
} from '#platform/journal-files.ts';
import * as z from 'zod';
import { RUN_STATES, type RunRecord } from './contract.ts';

const KEEP_MS = 7 * 24 * 3_600_000;
const KEEP_PER_SESSION = 500;

/** One iopub message as it is kept; `id` is its own msg_id, by which a replay is recognised. */
export interface StoredMessage {
  readonly id: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface PlacedMessage {
  readonly message: StoredMessage;
  readonly end: number;
}

const runRecord = z.looseObject({
  version: z.literal(1),
  id: z.string(),
  sessionId: z.string(),
  msgId: z.string(),
  code: z.string(),
  cellId: z.string().exactOptional(),
  afterCellId: z.string().exactOptional(),
  insertedCell: z.boolean(),
  storeHistory: z.boolean(),
  generation: z.number(),
  owner: z.object({
    host: z.string(),
    bootId: z.string(),
    pid: z.number(),
    startTime: z.string(),
    uid: z.number(),
  }),
  state: z.enum(RUN_STATES),
  createdMs: z.number(),
  sentMs: z.number().exactOptional(),
  startedMs: z.number().exactOptional(),
  endedMs: z.number().exactOptional(),
  executionCount: z.number().nullable().exactOptional(),
  error: z.object({ name: z.string(), value: z.string() }).exactOptional(),
  loss: z.enum(['server_gone', 'kernel_dead', 'kernel_gone', 'kernel_restarted']).exactOptional(),
  explanation: z.string().exactOptional(),
  notices: z.array(z.string()).exactOptional(),
  saved: z.boolean(),
  group: z.string().exactOptional(),
});

/** The two files of one run, held by the process that owns it. */
export class RunFiles {
  readonly #folder: string;
  readonly #output: AppendFile;

  constructor(folder: string) {
    this.#folder = folder;
    this.#output = new AppendFile(path.join(folder, 'output.jsonl'));
  }

  /** On disk when it returns. @throws `storage/failed`. */
  save(record: RunRecord): void {
    replaceFile(path.join(this.#folder, 'run.json'), JSON.stringify(record));
  }

  append(message: StoredMessage): void {
    this.#output.append(`${JSON.stringify(message)}\n`);
  }

  flush(): void {
    this.#output.flush();
  }

  close(): void {
    this.#output.close();
  }
}

export class RunJournal {
  readonly #dir: string;

  /** @param dir the state folder; the journal lives in `runs/` below it */
  constructor(dir: string) {
    this.#dir = path.join(dir, 'runs');
  }

  /** Writes the record of a new run. On disk when it returns. */
  create(record: RunRecord): RunFiles {
    const files = this.open(record.id);
    files.save(record);
    return files;
  }

  /** The files of a run whose owner is gone, to be carried on. */
  open(runId: string): RunFiles {
    const folder = this.#folder(runId);
    makePrivateFolder(folder);
    return new RunFiles(folder);
  }

  /** @throws `run/unknown`, `record/damaged`. */
  async read(runId: string): Promise<RunRecord> {
    const file = path.join(this.#folder(runId), 'run.json');
    const text = await readTextIfExists(file);
    if (text === undefined) {
      throw new GloveboxError('run/unknown', `There is no run ${runId}.`, {
        hint: 'Runs are kept for 7 days. list_sessions names the runs in flight; read_notebook shows the outputs.',
      });
    }
    try {
      return runRecord.parse(JSON.parse(text));
    } catch (error) {
      throw new GloveboxError('record/damaged', `The record of run ${runId} cannot be read.`, {
        hint: `Its outputs are in ${path.join(this.#folder(runId), 'output.jsonl')} and in the notebook.`,
        cause: error,
      });
    }
  }

  /** Every message of a run in order. A half line at the end, of a process that died while writing, is left out. */
  async *messages(runId: string): AsyncGenerator<StoredMessage> {
    for await (const { message } of this.messagesFrom(runId, 0)) yield message;
  }

  /** The same from a byte of the file on, each with the byte where the next one begins. */
  async *messagesFrom(runId: string, start: number): AsyncGenerator<PlacedMessage> {
    for await (const { text, end } of readLines(this.outputFile(runId), start)) {
      const message = parseStoredMessage(text);
      if (message !== undefined) yield { message, end };
    }
  }

  /** The records of a session's runs, oldest first; damaged ones are left out. */
  async ofSession(sessionId: string): Promise<readonly RunRecord[]> {
    const names = await listFolder(this.#dir);
    const own = names.filter((name) => name.startsWith(`r-${sessionId.slice(2)}-`));
    const records = await Promise.all(own.map((id) => this.read(id).catch(() => undefined)));
    return records
      .filter((record) => record !== undefined)
      .toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /** Removes finished runs of a session that are older than 7 days, or more than 500. */
  async prune(sessionId: string, nowMs: number): Promise<void> {
    const finished = (await this.ofSession(sessionId)).filter(
      ({ endedMs, saved }) => endedMs !== undefined && saved,
    );
    const surplus = finished.length - KEEP_PER_SESSION;
    const old = finished.filter(
      (record, index) => index < surplus || nowMs - record.createdMs > KEEP_MS,
    );
    await Promise.all(old.map(({ id }) => removeFolder(this.#folder(id))));
  }

  /**
   * Removes runs of any session, scratch kernels included, that are over and older than 7 days; also those that nobody finished
   * and whose process is gone, for which the caller says whether their session can still be attached again.
   */
  async sweep(nowMs: number, mayBeCarriedOn: (record: RunRecord) => boolean): Promise<void> {
    for (const id of await listFolder(this.#dir)) {
      // One after the other: there may be thousands, and nothing waits for it.
      // oxlint-disable-next-line no-await-in-loop
      const record = await this.read(id).catch(() => undefined);
      if (record === undefined || nowMs - (record.endedMs ?? record.createdMs) <= KEEP_MS) continue;
      if (!(record.endedMs !== undefined && record.saved) && mayBeCarriedOn(record)) continue;
      // oxlint-disable-next-line no-await-in-loop
      await removeFolder(this.#folder(id));
    }
  }

  /** Where the whole output of a run lies, for a pointer in a text. */
  outputFile(runId: string): string {
    return path.join(this.#folder(runId), 'output.jsonl');
  }

  #folder(runId: string): string {
    if (!/^r-[a-z0-9]+-[a-z0-9]+$/.test(runId)) {
      throw new GloveboxError('run/unknown', `"${runId}" is not a run id.`, {
        hint: 'Run ids look like r-abcd2345-xyz23; list_sessions names the runs in flight.',
      });
    }
    return path.join(this.#dir, runId);
  }
}

function parseStoredMessage(line: string): StoredMessage | undefined {
  try {
    const raw: unknown = JSON.parse(line);
    if (!isRecord(raw) || typeof raw['id'] !== 'string' || typeof raw['type'] !== 'string')
      return undefined;
    if (!isRecord(raw['content'])) return undefined;
    const metadata = isRecord(raw['metadata']) ? { metadata: raw['metadata'] } : {};
    return { id: raw['id'], type: raw['type'], content: raw['content'], ...metadata };
  } catch {
    return undefined;
  }
}
