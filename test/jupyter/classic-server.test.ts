/** Old servers: the wire client on the classic notebook 6, which sends JSON, and our own server on the oldest jupyter_server. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { cullingConfig } from '#sandbox/limits.ts';
import { textOf, until, useLab } from '../rigs/jupyter-lab.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { testPython } from '../rigs/python.ts';
import { isMissing } from '../rigs/require.ts';
import { isWhole } from '../rigs/variables.ts';

const SILENT_KERNELS = isWhole ? 20 : 1;

const python = process.env['GLOVEBOX_TEST_CLASSIC_PYTHON'] ?? '/usr/bin/python3';

function versionOf(interpreter: string, name: string): string {
  const code = `from importlib.metadata import version; print(version("${name}"))`;
  const { status, stdout } = spawnSync(interpreter, ['-c', code], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}

const missing = isMissing(
  'The classic notebook server 6',
  versionOf(python, 'notebook').startsWith('6.') && versionOf(python, 'ipykernel') !== '',
  'Debian and Ubuntu have it: apt-get install jupyter-notebook python3-ipykernel.',
);
const oldest = '/usr/bin/python3';
const isOldestMissing = isMissing(
  'The Jupyter server 1 of the distribution',
  versionOf(oldest, 'jupyter_server').startsWith('1.'),
  'Debian 12 has it: apt-get install jupyter-server.',
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
    expect((await server.listSessions()).map((each) => each.path)).toEqual(['a.ipynb']);
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

test.skipIf(isOldestMissing)(
  'C13: what our server holds for a client that is away, with Jupyter server 1',
  async () => {
    const argv = ['-W', 'ignore', path.join(import.meta.dirname, 'python/test_offline_buffer.py')];
    const { stderr } = await promisify(execFile)(oldest, argv);
    expect(stderr).toMatch(/\nRan \d+ tests in .*\n\nOK\n$/);
  },
);

// On the newest one, `test/contract/modal-features.test.ts` has one such kernel of each kind.
const servers = [
  { version: '1.23', interpreter: oldest },
  ...(isWhole ? [{ version: 'as it is installed', interpreter: testPython() }] : []),
];

describe.skipIf(isOldestMissing).each(servers)(
  'our server on jupyter_server $version',
  ({ interpreter }) => {
    const limits = { ...cullingConfig(2), cull_interval: 1 };
    const config = {
      MappingKernelManager: limits,
      SandboxServerApp: { kernel_secrets: { SERVICE_KEY: 'k' } },
    };
    const lab = useLab({ python: interpreter, module: 'ours', config });

    test('M16, acceptance 25: silent first cells of fresh kernels outlast the idle limit, with and without a client; a thread that prints keeps its kernel', async () => {
      const { server, running } = lab();
      const start = (name: string) => startRawKernel(running.endpoint, `${name}.ipynb`);
      const inRoot = (name: string): string => path.join(running.rootDir, name);
      const names = [
        'thread',
        'alone',
        ...Array.from({ length: SILENT_KERNELS }, (_, at) => `k${at}`),
      ];
      const [printing, alone, ...silent] = await Promise.all(names.map(start));
      alone?.send('import time; time.sleep(7); open("alone-done", "w").close()');
      await alone?.leave();
      const waits = silent.map((kernel) => kernel.execute('import time; time.sleep(7)'));
      const code = [
        'import os, threading, time',
        'assert os.environ["SERVICE_KEY"] == "k"',
        'def tell():',
        '    while not os.path.exists("stop"): print("on", flush=True); time.sleep(0.3)',
        'threading.Thread(target=tell).start()',
      ];
      expect(await printing?.execute(code.join('\n'))).toBe('ok');
      expect(await Promise.all(waits)).toEqual(silent.map(() => 'ok'));
      await expect.poll(() => existsSync(inRoot('alone-done')), { timeout: 30_000 }).toBe(true);
      const living = async (): Promise<readonly string[]> =>
        (await server.listKernels()).map(({ id }) => id);
      expect(await living()).toContain(printing?.id);
      writeFileSync(inRoot('stop'), '');
      await expect.poll(living, { timeout: 30_000 }).toEqual([]);
    });
  },
);
