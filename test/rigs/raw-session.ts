/** A session on a fresh kernel of a server, with no notebook, no sandbox and no tool around it. */
import { newSessionId, newUuid } from '#core/ids.ts';
import type { Endpoint } from '#core/endpoint.ts';
import { createJupyterServer } from '#jupyter/rest.ts';
import { systemClock, type Clock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { SessionRecord } from '#session/contract.ts';
import { RunJournal } from '#session/journal.ts';
import { Session } from '#session/session.ts';

/** @param dir where its runs are kept; it is connected when this resolves. */
export async function openRawSession(
  endpoint: Endpoint,
  dir: string,
  clock: Clock = systemClock,
): Promise<Session> {
  const server = createJupyterServer({ endpoint: () => Promise.resolve(endpoint) });
  const { id: kernelId } = await server.startKernel({ name: 'python3' });
  let record: SessionRecord = {
    id: newSessionId(),
    sandboxId: 'local-test',
    projectDir: dir,
    notebookPath: '',
    kernelId,
    kernel: { name: 'python3', display_name: 'Python 3', language: 'python' },
    interruptMode: 'signal',
    connectionId: newUuid(),
    process: null,
    loss: null,
    generation: 1,
    serverGeneration: 1,
    ownsKernel: true,
    owner: currentIdentity(),
    createdMs: clock.now(),
  };
  const session = new Session({
    record,
    notebook: undefined,
    server,
    journal: new RunJournal(dir),
    clock,
    log: silentLog,
    settings: {
      kernelReadyMs: 60_000,
      maxOutputBytes: 1e8,
      allowStdin: false,
      onCancel: 'interrupt',
    },
    sandboxStatus: () => Promise.resolve({ id: 'local-test', state: 'ready', generation: 1 }),
    updateRecord: (change) => {
      record = { ...record, ...change };
      return Promise.resolve(record);
    },
  });
  await session.connect(record.connectionId);
  return session;
}
