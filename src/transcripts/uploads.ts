/** The upload of transcripts as commands, hooks and the worker use it: consent, queue, preview, and emptying the queue. */
import { setMaxListeners } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { HubContext } from '#hub/context.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import {
  isUploadOn,
  mayBePublic,
  namedRepo,
  readConsent,
  removeConsent,
  writeConsent,
} from './consent.ts';
import {
  QUEUE_STATES,
  type FinishedUpload,
  type QueueEntry,
  type UploadSettings,
  type UploadStatus,
} from './contract.ts';
import { createTranscriptQueue } from './queue.ts';
import { redactSession } from './redact-session.ts';
import type { RedactedTranscript } from './redact-transcript.ts';
import { isSessionId } from './transcript-file.ts';
import { removeLeftovers, uploadTranscript, type UploadParts } from './upload-transcript.ts';
import { isAbandoned, takeWorkerTurn } from './worker-turn.ts';

const PAUSES_MS = [1000, 2000];
/** How often an upload looks whether it is still wanted. */
const LOOK_MS = 500;
const MAX_RUNS = 5;
const MAX_AGE_MS = 14 * 24 * 3_600_000;

export interface UploadsOptions {
  readonly dir: string;
  readonly claudeDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: UploadSettings;
  /** Before the second and the third try of a run; shorter ones for tests. */
  readonly pausesMs?: readonly number[];
  /** Of the text that a person agrees to. */
  readonly version: string;
  /** Sends with the token for uploads. Asked for when something is sent. */
  readonly hub: () => HubContext;
  /** Knows the secrets of this machine. Asked for when something is read. */
  readonly redactor: () => Promise<Redactor>;
}

export interface DrainResult {
  /** `off`: nobody agreed. `busy`: another worker is at it. */
  readonly outcome: 'done' | 'off' | 'busy';
  readonly entries: readonly QueueEntry[];
}

export interface Uploads {
  status(): Promise<UploadStatus>;
  /** Records that a person agreed. The caller has asked them, at a terminal. */
  enable(request: { readonly repo: string | undefined; readonly isPublic: boolean }): Promise<void>;
  /** Takes the consent back and forgets everything that was not sent yet; what is being sent is given up within a second. */
  disable(): Promise<{ readonly dropped: number }>;
  list(): Promise<readonly QueueEntry[]>;
  /** A transcript as it would be sent. @throws `path/not-found`, `path/not-allowed`. */
  preview(
    sessionId: string,
    write: (line: string) => void,
  ): Promise<RedactedTranscript & { readonly path: string }>;
  /**
   * Sends what waits, one after the other, and resolves when nothing waits any more. Without consent it does nothing, whatever
   * is in the queue. What went wrong with one transcript is in its entry and keeps no other back.
   */
  drain(options: { readonly withBlocked: boolean }, signal: AbortSignal): Promise<DrainResult>;
}

export function createUploads(options: UploadsOptions): Uploads {
  const { dir, claudeDir, clock, log, settings, pausesMs = PAUSES_MS } = options;
  const queue = createTranscriptQueue(dir, clock, (message) => log.warn(message));

  const tryOne = async (entry: QueueEntry, parts: UploadParts, signal: AbortSignal) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await uploadTranscript(entry, parts, signal);
      } catch (error) {
        const mayHelp = isGloveboxError(error) && error.retryable;
        const pauseMs = pausesMs[attempt];
        if (!mayHelp || pauseMs === undefined) throw error;
        await sleep(clock, pauseMs, signal);
      }
    }
  };

  const isOn = async (): Promise<boolean> => isUploadOn(settings, await readConsent(dir));

  /** Whoever switches transcripts off does it in another process. @returns a signal for that, and how to look no more */
  const watchConsent = (): { readonly withdrawn: AbortSignal; end(): void } => {
    const [stop, done] = [new AbortController(), new AbortController()];
    const watch = async (): Promise<void> => {
      while (await isOn()) await sleep(clock, LOOK_MS, done.signal);
      stop.abort();
    };
    watch().catch((error: unknown) => {
      if (!done.signal.aborted) stop.abort(error);
    });
    return { withdrawn: stop.signal, end: () => done.abort() };
  };

  /** @returns undefined when somebody switched transcripts off meanwhile */
  const work = async (
    entry: QueueEntry,
    parts: UploadParts,
    signal: AbortSignal,
  ): Promise<QueueEntry | undefined> => {
    const { sessionId } = entry;
    const taken = await queue.update(sessionId, (now) => ({
      ...withoutReason(now),
      state: 'uploading',
      owner: currentIdentity(),
    }));
    const consent = watchConsent();
    try {
      const both = AbortSignal.any([signal, consent.withdrawn]);
      const upload = await tryOne(taken, parts, both);
      return await queue.update(sessionId, (now) => finish(now, taken, upload));
    } catch (error) {
      // Its entry is gone, or goes in this moment.
      if (!(await isOn())) return undefined;
      if (signal.aborted) {
        await queue.update(sessionId, (now) => ({ ...withoutReason(now), state: 'pending' }));
        throw error;
      }
      const failure = describe(error);
      log.warn(`the transcript of ${sessionId} was not sent: ${failure.text}`);
      return queue.update(sessionId, (now) => fail(now, failure, clock.now()));
    } finally {
      consent.end();
    }
  };

  const waiting = async (withBlocked: boolean): Promise<readonly QueueEntry[]> =>
    (await queue.list()).filter(({ state, owner }) => {
      if (state === 'uploading') return isAbandoned(owner);
      return state === 'pending' || state === 'failed' || (state === 'blocked' && withBlocked);
    });

  /** Each at most once in a run: a failed one waits for the next. */
  const drainOnce = async (
    tried: Map<string, string>,
    results: Map<string, QueueEntry>,
    withBlocked: boolean,
    signal: AbortSignal,
  ): Promise<DrainResult['outcome']> => {
    const isNew = ({ sessionId, requestedAt }: QueueEntry): boolean =>
      tried.get(sessionId) !== requestedAt;
    const turn = await takeWorkerTurn(dir, clock);
    if (turn === undefined) return 'busy';
    try {
      await removeLeftovers(dir);
      const consent = await readConsent(dir);
      const parts: UploadParts = {
        dir,
        claudeDir,
        hub: options.hub(),
        redactor: await options.redactor(),
        settings,
        target: {
          named: namedRepo(settings, consent),
          mayBePublic: (repo) => mayBePublic(repo, consent),
        },
        now: () => clock.now(),
      };
      for (;;) {
        const next = (await waiting(withBlocked)).find(isNew);
        if (next === undefined) return 'done';
        await turn.keep();
        tried.set(next.sessionId, next.requestedAt);
        const result = await work(next, parts, signal);
        if (result === undefined) return 'off';
        results.set(next.sessionId, result);
      }
    } finally {
      await turn.end();
    }
  };

  return {
    async status() {
      const [consent, entries] = [await readConsent(dir), await queue.list()];
      const counts = Object.fromEntries(
        QUEUE_STATES.map((state) => [
          state,
          entries.filter((entry) => entry.state === state).length,
        ]),
      );
      const troubled = entries
        .filter(({ reason }) => reason !== undefined)
        .toSorted((a, b) => a.requestedAt.localeCompare(b.requestedAt))
        .at(-1);
      const because =
        settings.isOn !== undefined
          ? 'GLOVEBOX_SAVE_SESSIONS'
          : consent === undefined
            ? 'nobody switched it on'
            : `glovebox transcripts enable, ${consent.grantedAt.slice(0, 10)}`;
      const lastReason = troubled?.reason;
      return {
        isOn: isUploadOn(settings, consent),
        because,
        repo: namedRepo(settings, consent),
        counts: { pending: 0, uploading: 0, done: 0, failed: 0, blocked: 0, ...counts },
        ...(lastReason !== undefined && { lastReason }),
      };
    },
    enable: ({ repo, isPublic }) =>
      writeConsent(dir, {
        ...(repo !== undefined && { repo }),
        isPublic,
        grantedAt: new Date(clock.now()).toISOString(),
        version: options.version,
      }),
    async disable() {
      await removeConsent(dir);
      const unsent = (await queue.list()).filter(({ state }) => state !== 'done');
      await Promise.all(unsent.map(({ sessionId }) => queue.remove(sessionId)));
      return { dropped: unsent.length };
    },
    list: async () =>
      (await queue.list()).toSorted((a, b) => b.requestedAt.localeCompare(a.requestedAt)),
    async preview(sessionId, write) {
      const found = await findTranscript(claudeDir, sessionId);
      const name = { sessionId, transcriptPath: found, claudeDir };
      const how = { redactor: await options.redactor(), include: settings.include };
      const keep = async (_part: string, line: string): Promise<void> => write(line);
      return { ...(await redactSession(name, how, keep)), path: found };
    },
    async drain({ withBlocked }, signal) {
      // Each transcript listens to it, in several places.
      setMaxListeners(0, signal);
      const tried = new Map<string, string>();
      const results = new Map<string, QueueEntry>();
      // Whoever queued something while this worker gave its turn back found the turn taken.
      while (await isOn()) {
        const outcome = await drainOnce(tried, results, withBlocked, signal);
        const entries = [...results.values()];
        if (outcome === 'off') break;
        if (outcome === 'busy') return { outcome: entries.length === 0 ? 'busy' : 'done', entries };
        const left = await waiting(withBlocked);
        if (left.every((each) => tried.get(each.sessionId) === each.requestedAt))
          return { outcome: 'done', entries };
      }
      return { outcome: 'off', entries: [...results.values()] };
    },
  };
}

/** Whoever had it in hand, and why that went wrong, is over. */
function withoutReason(entry: QueueEntry): QueueEntry {
  const { sessionId, transcriptPath, requestedAt, state, runs, upload } = entry;
  return {
    sessionId,
    transcriptPath,
    requestedAt,
    state,
    runs,
    ...(upload !== undefined && { upload }),
  };
}

/** A session that went on meanwhile is sent again. */
function finish(now: QueueEntry, taken: QueueEntry, upload: FinishedUpload): QueueEntry {
  const state = now.requestedAt === taken.requestedAt ? 'done' : 'pending';
  return { ...withoutReason(now), state, runs: 0, upload };
}

interface Failure {
  readonly text: string;
  readonly mayPass: boolean;
}

function describe(error: unknown): Failure {
  if (!isGloveboxError(error))
    return { text: `the redactor or the upload failed (${messageOf(error)})`, mayPass: false };
  const { message, hint, retryable } = error;
  return { text: hint === undefined ? message : `${message} Next: ${hint}`, mayPass: retryable };
}

function fail(now: QueueEntry, { text, mayPass }: Failure, atMs: number): QueueEntry {
  const runs = now.runs + 1;
  const isOver = runs >= MAX_RUNS || atMs - Date.parse(now.requestedAt) > MAX_AGE_MS;
  const state = mayPass && !isOver ? 'failed' : 'blocked';
  return { ...withoutReason(now), state, runs, reason: text };
}

async function findTranscript(claudeDir: string, sessionId: string): Promise<string> {
  const projects = path.join(claudeDir, 'projects');
  const folders = isSessionId(sessionId) ? await readdir(projects).catch((): string[] => []) : [];
  for (const folder of folders) {
    const files = await readdir(path.join(projects, folder)).catch((): string[] => []);
    if (files.includes(`${sessionId}.jsonl`))
      return path.join(projects, folder, `${sessionId}.jsonl`);
  }
  throw new GloveboxError('path/not-found', `There is no transcript of a session ${sessionId}.`, {
    hint: `Transcripts are files below ${projects}, named after their session.`,
  });
}
