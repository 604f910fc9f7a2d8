/** What code must be like to be run, and the record a run begins with. */
import { GloveboxError } from '#core/errors.ts';
import { newRunId, newUuid } from '#core/ids.ts';
import type { CellView } from '#notebook/contract.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { RunRecord, SessionRecord } from './contract.ts';

/** A Jupyter server takes messages up to 10 MiB; the rest is for the envelope and for escapes. */
const MAX_CODE_BYTES = 8 * 1024 * 1024;

/** @throws `input/invalid` for blank code, `input/too-large`; nothing has happened then. */
export function checkCode(code: string): void {
  if (code.trim() === '') {
    throw new GloveboxError('input/invalid', 'The code is empty.', {
      hint: 'Give the code to run.',
    });
  }
  const bytes = Buffer.byteLength(code);
  if (bytes <= MAX_CODE_BYTES) return;
  throw new GloveboxError(
    'input/too-large',
    `The code has ${bytes} bytes; a kernel takes at most ${MAX_CODE_BYTES}.`,
    { hint: 'Write the data to a file and read it from the code.' },
  );
}

/** Whether there is something in a cell that a kernel could run. */
export const isRunnable = ({ type, source }: CellView): boolean =>
  type === 'code' && source.trim() !== '';

export type NewRun = Pick<RunRecord, 'code' | 'insertedCell'> & Partial<RunRecord>;

export function newRunRecord(
  part: NewRun,
  session: Pick<SessionRecord, 'id' | 'generation'>,
  nowMs: number,
): RunRecord {
  return {
    version: 1,
    id: newRunId(session.id),
    sessionId: session.id,
    msgId: newUuid(),
    storeHistory: true,
    generation: session.generation,
    owner: currentIdentity(),
    state: 'queued',
    createdMs: nowMs,
    saved: false,
    ...part,
  };
}
