/** What a new session is told about the upload of transcripts; it also wakes the worker for what still waits. */
import { isUploadOn, namedRepo, readConsent } from '#transcripts/consent.ts';
import { createTranscriptQueue } from '#transcripts/queue.ts';
import type { HookWorld } from './contract.ts';

/** Never rejects. */
export async function uploadLine({ dir, clock, uploads }: HookWorld): Promise<string> {
  try {
    const consent = await readConsent(dir);
    if (!isUploadOn(uploads, consent)) return 'Transcripts: not uploaded.';
    const entries = await createTranscriptQueue(dir, clock).list();
    const waiting = entries.filter(({ state }) => state !== 'done' && state !== 'blocked');
    const blocked = entries.filter(({ state }) => state === 'blocked').length;
    if (waiting.length > 0) await uploads.startWorker();
    const repo = namedRepo(uploads, consent) ?? 'the own private dataset glovebox-sessions';
    return [
      `Transcripts: uploaded, redacted, to ${repo}`,
      ...(waiting.length > 0 ? [`${waiting.length} on their way`] : []),
      ...(blocked > 0 ? [`${blocked} held back (glovebox transcripts tells why)`] : []),
    ]
      .join('; ')
      .concat('.');
  } catch {
    return 'Transcripts: their queue cannot be read; glovebox doctor tells why.';
  }
}
