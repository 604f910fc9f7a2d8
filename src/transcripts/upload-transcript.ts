/** Uploads one transcript: checked, redacted into a private file, compared, sent in one commit. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { HubContext } from '#hub/context.ts';
import { ensurePrivateFolder } from '#platform/files.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import type { FinishedUpload, QueueEntry, UploadSettings } from './contract.ts';
import {
  addressOf,
  isThere,
  openDataset,
  putTranscript,
  type Target,
  type TranscriptFile,
} from './dataset.ts';
import { transcriptsDir } from './queue.ts';
import { redactSession } from './redact-session.ts';
import type { RedactedTranscript } from './redact-transcript.ts';

export interface UploadParts {
  readonly dir: string;
  readonly claudeDir: string;
  readonly hub: HubContext;
  readonly redactor: Redactor;
  readonly settings: UploadSettings;
  readonly target: Target;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const tmpIn = (dir: string): string => path.join(transcriptsDir(dir), 'tmp');

/** What workers that were killed left behind. Only for whoever has the worker's turn. */
export async function removeLeftovers(dir: string): Promise<void> {
  const names = await readdir(tmpIn(dir)).catch((): string[] => []);
  await Promise.all(names.map((name) => rm(path.join(tmpIn(dir), name), { force: true })));
}

/**
 * Sends what is new. The same content is never sent twice: not when it was done before, and not when an earlier worker died
 * after the Hub had taken it.
 *
 * @throws GloveboxError; `retryable` says whether trying again can help.
 */
export async function uploadTranscript(
  entry: QueueEntry,
  parts: UploadParts,
  signal: AbortSignal,
): Promise<FinishedUpload> {
  const { hub, dir } = parts;
  await ensurePrivateFolder(transcriptsDir(dir));
  await mkdir(tmpIn(dir), { recursive: true, mode: 0o700 });
  const file = path.join(tmpIn(dir), `${randomBytes(8).toString('hex')}.jsonl`);
  try {
    const { sha256, bytes, transcript, files } = await writeRedacted(entry, file, parts, signal);
    const day = (transcript.startedAt ?? new Date(parts.now()).toISOString()).slice(0, 10);
    const folder = `sessions/${day}/${entry.sessionId}`;
    const place = `${folder}.jsonl`;
    const before = entry.upload;
    const finished = (repo: string, url: string): FinishedUpload => ({
      repo,
      path: place,
      url,
      sha256,
      bytes,
      at: new Date(parts.now()).toISOString(),
      redacted: transcript.redacted,
      leftOut: transcript.leftOut,
    });
    const dataset = await openDataset(hub, parts.target, signal);
    const { repo } = dataset;
    if (before?.sha256 === sha256 && before.repo === repo.id && before.path === place)
      return before;
    const url = addressOf(hub, repo, place);
    const missing: TranscriptFile[] = [];
    for (const written of files) {
      const at = written.part === '' ? place : `${folder}/${written.part}`;
      const sent = { path: at, bytes: await readFile(written.file) };
      if (!(await isThere(hub, repo, sent, signal))) missing.push(sent);
    }
    if (missing.length > 0)
      await putTranscript(hub, dataset, missing, `Add session ${entry.sessionId}`, signal);
    return finished(repo.id, url);
  } finally {
    await removeWritten(file);
  }
}

/** Those of subagents have the name of the first and a number. */
async function removeWritten(file: string): Promise<void> {
  const folder = path.dirname(file);
  const names = (await readdir(folder)).filter((name) => name.startsWith(path.basename(file)));
  await Promise.all(names.map((name) => rm(path.join(folder, name), { force: true })));
}

/** One private file for each file of the session. */
async function writeRedacted(
  { sessionId, transcriptPath }: QueueEntry,
  to: string,
  { claudeDir, redactor, settings }: UploadParts,
  signal: AbortSignal,
): Promise<Redacted> {
  const { include, maxBytes } = settings;
  const hash = createHash('sha256');
  const files: WrittenFile[] = [];
  let current: { readonly part: string; readonly out: FileHandle } | undefined;
  let bytes = 0;
  const begin = async (part: string): Promise<FileHandle> => {
    await current?.out.close();
    const file = part === '' ? to : `${to}.${files.length}`;
    const out = await open(file, 'wx', 0o600);
    current = { part, out };
    files.push({ part, file });
    if (part !== '') hash.update(`\0${part}\0`);
    return out;
  };
  const write = async (part: string, line: string): Promise<void> => {
    throwIfAborted(signal);
    bytes += Buffer.byteLength(line);
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    const out = current?.part === part ? current.out : await begin(part);
    hash.update(line);
    // `write` may write a part of a long line.
    await out.appendFile(line);
  };
  try {
    await begin('');
    const name = { sessionId, transcriptPath, claudeDir };
    const transcript = await redactSession(name, { redactor, include }, write);
    return { sha256: hash.digest('hex'), bytes, transcript, files };
  } finally {
    await current?.out.close();
  }
}

interface WrittenFile {
  /** As `redactSession` names it. */
  readonly part: string;
  readonly file: string;
}

interface Redacted {
  readonly sha256: string;
  readonly bytes: number;
  readonly transcript: RedactedTranscript;
  readonly files: readonly WrittenFile[];
}

const tooLarge = (limit: number): GloveboxError =>
  new GloveboxError('input/too-large', `The transcript is larger than ${renderBytes(limit)}.`, {
    hint: 'GLOVEBOX_SESSION_MAX_MB raises the limit; without tool-results in GLOVEBOX_SESSION_INCLUDE it becomes smaller.',
  });
