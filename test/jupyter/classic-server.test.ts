/** The wire client on the classic notebook server 6, which answers without the subprotocol and sends JSON. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { textOf, until, useLab } from '../rigs/jupyter-lab.ts';
import { isMissing } from '../rigs/require.ts';

const python = process.env['GLOVEBOX_TEST_CLASSIC_PYTHON'] ?? '/usr/bin/python3';
const probe = spawnSync(python, ['-c', 'import notebook, ipykernel; print(notebook.__version__)'], {
  encoding: 'utf8',
});
const missing = isMissing(
  'The classic notebook server 6',
  probe.status === 0 && probe.stdout.startsWith('6.'),
  'Debian and Ubuntu have it: apt-get install jupyter-notebook python3-ipykernel.',
);

describe.skipIf(missing)('notebook 6', () => {
  const lab = useLab({ python, module: 'notebook' });

  test('Q2, C5: runs, outputs and buffers in the JSON framing', async () => {
    const { run } = await lab().kernel();
    const { messages, reply } = await run('print("ü 🧪")\n1/0');
    expect(textOf(messages)).toBe('ü 🧪\n');
    expect(reply.error?.name).toBe('ZeroDivisionError');
  });

  test('Q2, C13: a cut is survived', async () => {
    const bench = await lab().kernel();
    const { execution, messages } = bench.begin('import time; time.sleep(2); print("end")');
    await execution.started;
    bench.relay.cut();
    await execution.finished;
    expect(textOf(messages)).toBe('end\n');
    await until(() => bench.channel.connected);
  });

  test('C1, C2: sessions, restart, interrupt, deletion', async () => {
    const { server } = lab();
    const session = await server.createSession({
      path: 'a.ipynb',
      name: 'a',
      kernelName: 'python3',
    });
    expect((await server.listSessions()).map(({ path }) => path)).toEqual(['a.ipynb']);
    const bench = await lab().attach(session.kernel.id);
    await bench.channel.ready(60_000);
    const { execution } = bench.begin('import time; time.sleep(60)');
    await execution.started;
    await server.interruptKernel(session.kernel.id);
    expect((await execution.finished).error?.name).toBe('KeyboardInterrupt');
    await server.restartKernel(session.kernel.id);
    await bench.channel.ready(60_000);
    expect(bench.events.map(({ type }) => type)).toContain('process-changed');
    await server.deleteSession(session.id);
    expect(await server.kernel(session.kernel.id)).toBeUndefined();
  });
});
