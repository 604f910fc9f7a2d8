/** The journal of runs: `runs/<run_id>.jsonl` says how each run stands and holds every output it had. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import { readTextIfExists, removeIfExists } from '#platform/files.ts';
import { AppendFile, listFolder, readLines, removeIfOlder } from '#platform/journal-files.ts';
import { withFileLock } from '#platform/lock.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import { isSpareFile, SpareFile } from '#platform/spare-file.ts';
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
  /** Where the next one begins, for `messagesFrom`. */
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

/** Outputs of more bytes go on in a file of their own, so that reading a record stays cheap. */
const INLINE_BYTES = 64 * 1024;

/** Every line about the run itself begins so; all others are outputs. */
const RECORD_LINE = '{"run":';

/** Places in the second file count from here; the first never grows so far. */
const OVERFLOW_PLACE = 2 ** 40;

/**
 * What is written of one run, by the process that owns it. Nothing is replaced: a line with what changed is appended, which is
 * one system call, and a reader sees the old or the new state.
 */
export class RunFiles {
  readonly #file: AppendFile;
  readonly #overflow: AppendFile;
  #inlineBytes: number;
  #saved: Readonly<Record<string, unknown>> = {};

  /** `inlineBytes` is what the first file may still take of the outputs. */
  constructor(file: AppendFile, overflow: AppendFile, inlineBytes: number) {
    this.#file = file;
    this.#overflow = overflow;
    this.#inlineBytes = inlineBytes;
  }

  /** Whether anything is written about the run by this process. */
  get hasRecord(): boolean {
    return this.#saved['id'] !== undefined;
  }

  /** On disk when it returns. @throws `storage/failed`; nothing is changed then. */
  save(record: RunRecord): void {
    const changes = Object.entries(record).filter(([key, value]) => this.#saved[key] !== value);
    if (changes.length === 0) return;
    this.#file.write(`${JSON.stringify({ run: Object.fromEntries(changes) })}\n`);
    this.#saved = { ...record };
  }

  append(message: StoredMessage): void {
    const line = `${JSON.stringify(message)}\n`;
    this.#inlineBytes -= line.length;
    (this.#inlineBytes >= 0 ? this.#file : this.#overflow).append(line);
  }

  flush(): void {
    this.#file.flush();
    this.#overflow.flush();
  }

  close(): void {
    this.#file.close();
    this.#overflow.close();
  }
}

export class RunJournal {
  readonly #dir: string;
  readonly #spare: SpareFile;

  /** @param dir the state folder; the journal lives in `runs/` below it */
  constructor(dir: string) {
    this.#dir = path.join(dir, 'runs');
    this.#spare = new SpareFile(this.#dir);
  }

  /** The files of a run, new or to be carried on after its owner has gone. Makes nothing yet. */
  open({ id, sentMs }: Pick<RunRecord, 'id' | 'sentMs'>): RunFiles {
    const overflow = this.#overflowFile(id);
    // One that was never sent has no outputs yet.
    const isNew = sentMs === undefined;
    return new RunFiles(
      new AppendFile(this.#file(id), { spare: isNew ? this.#spare : undefined }),
      new AppendFile(overflow),
      !isNew && existsSync(overflow) ? 0 : INLINE_BYTES,
    );
  }

  /** Makes ready for the next run, when nobody waits. */
  prepare(): void {
    this.#spare.prepare();
  }

  /** Before the process ends. */
  close(): void {
    this.#spare.remove();
  }

  /** @throws `run/unknown`, `record/damaged`. */
  async read(runId: string): Promise<RunRecord> {
    const text = await readTextIfExists(this.#file(runId));
    if (text === undefined) {
      throw new GloveboxError('run/unknown', `There is no run ${runId}.`, {
        hint: 'Runs are kept for 7 days. list_sessions names the runs in flight; read_notebook shows the outputs.',
      });
    }
    try {
      return runRecord.parse(Object.assign({}, ...recordLines(text)));
    } catch (error) {
      throw new GloveboxError('record/damaged', `The record of run ${runId} cannot be read.`, {
        hint: `Its outputs are in ${this.#file(runId)} and in the notebook.`,
        cause: error,
      });
    }
  }

  /** Every output of a run in order. A half line, of a process that died while writing, is left out. */
  async *messages(runId: string): AsyncGenerator<StoredMessage> {
    for await (const { message } of this.messagesFrom(runId, 0)) yield message;
  }

  /** The same from a place on, each with the place where the next one begins. Places are not counted on: they come from here. */
  async *messagesFrom(runId: string, place: number): AsyncGenerator<PlacedMessage> {
    const isBehind = place >= OVERFLOW_PLACE;
    if (!isBehind) yield* outputsOf(this.#file(runId), place, 0);
    yield* outputsOf(
      this.#overflowFile(runId),
      isBehind ? place - OVERFLOW_PLACE : 0,
      OVERFLOW_PLACE,
    );
  }

  /** The records of a session's runs, oldest first; damaged ones are left out. */
  async ofSession(sessionId: string): Promise<readonly RunRecord[]> {
    const own = (await this.#ids()).filter((id) => id.startsWith(`r-${sessionId.slice(2)}-`));
    const records = await Promise.all(own.map((id) => this.read(id).catch(() => undefined)));
    return records
      .filter((record) => record !== undefined)
      .toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /**
   * Makes this process the owner of runs of one session, each of them once among all processes that ask at the same time.
   *
   * @param isLeft asked about each run as it is then
   * @returns those that this process got, in the order given
   */
  async claim(
    runs: readonly RunRecord[],
    isLeft: (record: RunRecord) => boolean,
    clock: Clock,
  ): Promise<readonly RunRecord[]> {
    const sessionId = runs[0]?.sessionId;
    if (sessionId === undefined) return [];
    const owner = currentIdentity();
    const claimAll = async (): Promise<readonly RunRecord[]> => {
      const found = await Promise.all(runs.map(({ id }) => this.read(id).catch(() => undefined)));
      const got = found.filter((record) => record !== undefined).filter(isLeft);
      for (const { id } of got) {
        const file = new AppendFile(this.#file(id));
        file.write(`${JSON.stringify({ run: { owner } })}\n`);
        file.close();
      }
      return got.map((record) => ({ ...record, owner }));
    };
    return withFileLock(path.join(this.#dir, `.${sessionId}.lock`), claimAll, { clock });
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
    await Promise.all(old.map(({ id }) => this.#remove(id)));
  }

  /**
   * Removes runs of any session, scratch kernels included, that are over and older than 7 days; also those that nobody finished
   * and whose process is gone, for which the caller says whether their session can still be attached again. Spare files that a
   * killed process left go too.
   */
  async sweep(nowMs: number, mayBeCarriedOn: (record: RunRecord) => boolean): Promise<void> {
    for (const id of await this.#ids()) {
      // One after the other: there may be thousands, and nothing waits for it.
      // oxlint-disable-next-line no-await-in-loop
      const record = await this.read(id).catch(() => undefined);
      if (record === undefined || nowMs - (record.endedMs ?? record.createdMs) <= KEEP_MS) continue;
      if (!(record.endedMs !== undefined && record.saved) && mayBeCarriedOn(record)) continue;
      // oxlint-disable-next-line no-await-in-loop
      await this.#remove(id);
    }
    const spares = (await listFolder(this.#dir)).filter(isSpareFile);
    await Promise.all(
      spares.map((name) => removeIfOlder(path.join(this.#dir, name), nowMs - KEEP_MS)),
    );
  }

  async #ids(): Promise<readonly string[]> {
    const names = await listFolder(this.#dir);
    return names.flatMap((name) => /^(r-[a-z0-9]+-[a-z0-9]+)\.jsonl$/.exec(name)?.[1] ?? []);
  }

  /** The record goes last: as long as it is there, the rest is found. */
  async #remove(runId: string): Promise<void> {
    await removeIfExists(this.#overflowFile(runId));
    await removeIfExists(this.#file(runId));
  }

  #file(runId: string): string {
    if (!/^r-[a-z0-9]+-[a-z0-9]+$/.test(runId)) {
      throw new GloveboxError('run/unknown', `"${runId}" is not a run id.`, {
        hint: 'Run ids look like r-abcd2345-xyz23; list_sessions names the runs in flight.',
      });
    }
    return path.join(this.#dir, `${runId}.jsonl`);
  }

  #overflowFile(runId: string): string {
    return this.#file(runId).replace(/jsonl$/, 'output.jsonl');
  }
}

async function* outputsOf(
  file: string,
  start: number,
  firstPlace: number,
): AsyncGenerator<PlacedMessage> {
  for await (const { text, end } of readLines(file, start)) {
    const message = text.startsWith(RECORD_LINE) ? undefined : parseStoredMessage(text);
    if (message !== undefined) yield { message, end: firstPlace + end };
  }
}

/** What each line says about the run, oldest first; a half line is left out. */
function recordLines(text: string): readonly object[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith(RECORD_LINE)) return [];
    const raw = parseJson(line);
    return isRecord(raw) && isRecord(raw['run']) ? [raw['run']] : [];
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function parseStoredMessage(line: string): StoredMessage | undefined {
  const raw = parseJson(line);
  if (!isRecord(raw) || typeof raw['id'] !== 'string' || typeof raw['type'] !== 'string')
    return undefined;
  if (!isRecord(raw['content'])) return undefined;
  const metadata = isRecord(raw['metadata']) ? { metadata: raw['metadata'] } : {};
  return { id: raw['id'], type: raw['type'], content: raw['content'], ...metadata };
}
