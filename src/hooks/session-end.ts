/** SessionEnd: puts the transcript into the queue and starts the worker, where a person switched that on. No network, no waiting. */
import { messageOf } from '#core/errors.ts';
import { isUploadOn, readConsent } from '#transcripts/consent.ts';
import { createTranscriptQueue } from '#transcripts/queue.ts';
import { checkTranscript } from '#transcripts/transcript-file.ts';
import { SILENT, type Hook } from './contract.ts';

/** All hooks of this event have 1.5 s together, and nothing of what they print is read by anybody. */
export const sessionEnd: Hook = async (input, { dir, clock, uploads }) => {
  if (!isUploadOn(uploads, await readConsent(dir))) return SILENT;
  try {
    const { sessionId, path } = await checkTranscript({
      sessionId: input?.['session_id'],
      transcriptPath: input?.['transcript_path'],
      claudeDir: uploads.claudeDir,
    });
    await createTranscriptQueue(dir, clock).request(sessionId, path);
    await uploads.startWorker();
    return SILENT;
  } catch (error) {
    return {
      exitCode: 0,
      stderr: `glovebox: the transcript is not uploaded: ${messageOf(error)}\n`,
    };
  }
};
