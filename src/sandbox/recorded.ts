/** The parts that records about sandboxes share on disk: who started one, and why it ended. */
import * as z from 'zod';
import { SANDBOX_END_CAUSES } from './backend.ts';

export const recordedProcess = z.object({
  host: z.string(),
  bootId: z.string(),
  pid: z.number(),
  startTime: z.string(),
  uid: z.number(),
});

/** As a back end keeps it: it saw the end, so the time and the log are known. */
export const recordedEnd = z.object({
  cause: z.enum(SANDBOX_END_CAUSES),
  message: z.string(),
  atMs: z.number(),
  logTail: z.array(z.string()),
});
export type RecordedEnd = z.output<typeof recordedEnd>;
