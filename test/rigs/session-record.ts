/** A session as it is on record, for tests of what is done with records. */
import type { SessionRecord } from '#session/contract.ts';

export const sessionRecord = (change: Partial<SessionRecord> = {}): SessionRecord => ({
  id: 's-1',
  sandboxId: 'local-a',
  projectDir: '/p',
  notebookPath: '/p/a.ipynb',
  kernelId: 'k',
  kernel: { name: 'python3', display_name: 'Python 3', language: 'python' },
  interruptMode: 'signal',
  connectionId: 'c',
  process: null,
  loss: null,
  generation: 1,
  serverGeneration: 1,
  ownsKernel: true,
  owner: { host: 'h', bootId: 'b', pid: 1, startTime: 's', uid: 1 },
  createdMs: 0,
  ...change,
});
