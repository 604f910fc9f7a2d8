/** Uploads one transcript: checked, redacted into a private file, compared, sent in one commit. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { HubContext } from '#hub/context.ts';
import { ensurePrivateFolder } from '#platform/files.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import type { FinishedUpload, QueueEntry, UploadSettings } from './contract.ts';
import { addressOf, isThere, openDataset, putTranscript, type Target } from './dataset.ts';
import { transcriptsDir } from './queue.ts';
import { redactTranscript, type RedactedTranscript } from './redact-transcript.ts';
import { openTranscript } from './transcript-file.ts';

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
    const { sha256, bytes, transcript } = await writeRedacted(entry, file, parts, signal);
    const day = (transcript.startedAt ?? new Date(parts.now()).toISOString()).slice(0, 10);
    const place = `sessions/${day}/${entry.sessionId}.jsonl`;
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
    const sent = { path: place, bytes: await readFile(file) };
    const url = addressOf(hub, repo, place);
    if (!(await isThere(hub, repo, sent, signal)))
      await putTranscript(hub, dataset, [sent], `Add session ${entry.sessionId}`, signal);
    return finished(repo.id, url);
  } finally {
    await rm(file, { force: true });
  }
}

async function writeRedacted(
  { sessionId, transcriptPath }: QueueEntry,
  to: string,
  { claudeDir, redactor, settings }: UploadParts,
  signal: AbortSignal,
): Promise<{ sha256: string; bytes: number; transcript: RedactedTranscript }> {
  const source = await openTranscript({ sessionId, transcriptPath, claudeDir });
  try {
    const out = await open(to, 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      let bytes = 0;
      const write = async (line: string): Promise<void> => {
        throwIfAborted(signal);
        bytes += Buffer.byteLength(line);
        if (bytes > settings.maxBytes) throw tooLarge(settings.maxBytes);
        hash.update(line);
        // `write` may write a part of a long line.
        await out.appendFile(line);
      };
      const chunks = source.createReadStream({ encoding: 'utf8', autoClose: false });
      const transcript = await redactTranscript(chunks, write, redactor, settings.include);
      return { sha256: hash.digest('hex'), bytes, transcript };
    } finally {
      await out.close();
    }
  } finally {
    await source.close();
  }
}

const tooLarge = (limit: number): GloveboxError =>
  new GloveboxError('input/too-large', `The transcript is larger than ${renderBytes(limit)}.`, {
    hint: 'GLOVEBOX_SESSION_MAX_MB raises the limit; without tool-results in GLOVEBOX_SESSION_INCLUDE it becomes smaller.',
  });
