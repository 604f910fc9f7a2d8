/** Turns a whole session into what may leave the machine: its transcript, and those of its subagents where they were asked for. */
import type { FileHandle } from 'node:fs/promises';
import type { Redactor } from '#policy/redaction/redactor.ts';
import { Tally } from '#policy/redaction/secret-classes.ts';
import type { TranscriptPart } from './contract.ts';
import { redactTranscript, type RedactedTranscript } from './redact-transcript.ts';
import { openTranscript, subagentFiles, type TranscriptName } from './transcript-file.ts';

export interface SessionOptions {
  readonly redactor: Redactor;
  readonly include: readonly TranscriptPart[];
}

/**
 * Writes whole lines, those of one file after those of another.
 *
 * @param write `part` is empty for the transcript itself, else the name of the file beside it
 * @throws as `openTranscript` and `redactTranscript`, whichever file it is: then nothing of the session may be sent.
 */
export async function redactSession(
  name: TranscriptName,
  { redactor, include }: SessionOptions,
  write: (part: string, line: string) => Promise<void>,
): Promise<RedactedTranscript> {
  const redact = async (
    part: string,
    source: FileHandle,
    parts: readonly TranscriptPart[],
  ): Promise<RedactedTranscript> => {
    try {
      const chunks = source.createReadStream({ encoding: 'utf8', autoClose: false });
      return await redactTranscript(chunks, (line) => write(part, line), redactor, parts);
    } finally {
      await source.close();
    }
  };
  const main = await redact('', await openTranscript(name), include);
  const files = await subagentFiles(name);
  if (files.length === 0) return main;
  if (!include.includes('subagents'))
    return { ...main, leftOut: [...main.leftOut, `${files.length} transcripts of subagents`] };
  const total = new Tally();
  total.addCounts(main.redacted);
  let { lines } = main;
  const leftOut = [...main.leftOut];
  for (const file of files) {
    const found = await redact(file.name, await file.open(), include);
    total.addCounts(found.redacted);
    lines += found.lines;
    leftOut.push(...found.leftOut.map((what) => `${what} of ${file.name}`));
  }
  return { startedAt: main.startedAt, lines, redacted: total.counts(), leftOut };
}
