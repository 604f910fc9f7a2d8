/** A session whose connection breaks while code runs: nothing is lost, nothing runs twice, and the answer says what happened. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '#session/session.ts';
import { startJupyterServer, type RunningJupyterServer } from '../rigs/jupyter-server.ts';
import { testPython } from '../rigs/python.ts';
import { openRawSession } from '../rigs/raw-session.ts';
import { startTcpRelay, type TcpRelay } from '../rigs/tcp-relay.ts';

const HELD_BYTES = 1024 * 1024;
const LINES = 100_000;

let jupyter: RunningJupyterServer;
let relay: TcpRelay;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-cut-'));
  // What it holds while nobody is connected.
  const env = { GLOVEBOX_OFFLINE_BYTES: String(HELD_BYTES) };
  jupyter = await startJupyterServer({ module: 'ours', env });
  const { hostname, port } = new URL(jupyter.endpoint.baseUrl);
  relay = await startTcpRelay({ host: hostname, port: Number(port) });
}, 60_000);
afterAll(async () => {
  await relay.stop();
  await jupyter.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A session on a fresh kernel, all of whose traffic goes through the relay. */
function newSession(): Promise<Session> {
  const through = new URL(jupyter.endpoint.baseUrl);
  through.port = String(relay.port);
  const endpoint = { ...jupyter.endpoint, baseUrl: through.href };
  return openRawSession(endpoint, dir);
}

const CHATTY =
  'import time\nfor i in range(40):\n    print("line", i, flush=True)\n    time.sleep(0.05)\n"done"';

it('X6: a socket that is cut in a chatty cell costs no line, and the answer tells of it', async () => {
  const session = await newSession();
  const run = session.scratch(CHATTY);
  await expect
    .poll(() => JSON.stringify(run.view().outputs), { timeout: 20_000 })
    .toContain('line 5');
  relay.cut();
  await run.whenFinal();
  const view = run.view();
  expect(view.state).toBe('ok');
  const text = view.outputs
    .map((output) => (output.output_type === 'stream' ? output.text : ''))
    .join('');
  expect(text).toBe(Array.from({ length: 40 }, (_, line) => `line ${line}\n`).join(''));
  expect(view.notices.join()).toContain('The connection was down');
  await session.disconnect();
});

it('X1: code queued while the connection is down is sent once, when it is back', async () => {
  const session = await newSession();
  const count = session.scratch('hits = 0');
  await count.whenFinal();
  relay.refuse();
  relay.cut();
  await expect.poll(() => session.link?.isDown, { timeout: 10_000 }).toBe(true);
  const run = session.scratch('hits += 1; print("hits", hits)');
  await expect.poll(() => run.obstacle, { timeout: 10_000 }).toBeDefined();
  expect(run.state).toBe('queued');
  relay.accept();
  await run.whenFinal();
  expect(run.state).toBe('ok');
  expect(JSON.stringify(run.view().outputs)).toContain('hits 1');
  const again = session.scratch('print("still", hits)');
  await again.whenFinal();
  expect(JSON.stringify(again.view().outputs)).toContain('still 1');
  await session.disconnect();
});

/** The most memory that the Jupyter server ever had. */
function peakMiB(): number {
  const status = readFileSync(`/proc/${jupyter.pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

async function kernelOf({ record }: Session): Promise<unknown> {
  const { baseUrl, headers } = jupyter.endpoint;
  return (await fetch(`${baseUrl}api/kernels/${record.kernelId}`, { headers })).json();
}

it('C13: of endless output while nobody is connected the server holds a bounded amount, and the cell and the answer say so', async () => {
  const session = await newSession();
  const go = path.join(dir, 'go');
  const run = session.scratch(
    `import os, time
while not os.path.exists(${JSON.stringify(go)}): time.sleep(0.02)
for n in range(${LINES}): print(f"{n:099d}", flush=n % 1000 == 0)
"done"`,
  );
  await expect.poll(() => run.state, { timeout: 30_000 }).toBe('running');
  relay.refuse();
  relay.cut();
  await expect
    .poll(() => kernelOf(session), { timeout: 30_000 })
    .toMatchObject({ connections: 0, execution_state: 'busy' });
  const before = process.platform === 'linux' ? peakMiB() : 0;
  writeFileSync(go, '');
  await expect
    .poll(() => kernelOf(session), { timeout: 60_000 })
    .toMatchObject({ execution_state: 'idle' });
  if (process.platform === 'linux') expect(peakMiB() - before).toBeLessThan(6);
  relay.accept();
  await run.whenFinal();
  const { state, outputs, notices } = run.view();
  expect(state).toBe('ok');
  const [first = '', said = '', newest = ''] = outputs.map((output) =>
    output.output_type === 'stream' ? output.text : '',
  );
  const numbers = (text: string): readonly number[] => text.match(/^\d{99}$/gm)?.map(Number) ?? [];
  const kept = [numbers(first), numbers(newest)].map((list) => [list.at(0), list.at(-1)]);
  expect(kept).toEqual([
    [0, expect.any(Number)],
    [expect.any(Number), LINES - 1],
  ]);
  expect(said).toMatch(/Not kept: [\d.]+ MiB of text \([\d,]+ lines\)/);
  const missing = Number(/\(([\d,]+) lines\)/.exec(said)?.[1]?.replaceAll(',', ''));
  expect(first.split('\n').length + newest.split('\n').length - 2 + missing).toBe(LINES);
  expect(outputs.at(-1)).toMatchObject({ output_type: 'execute_result' });
  expect(notices.join()).toContain('Not all of its output was kept');
  expect(notices.join()).toContain(`(${missing} lines)`);
  await session.disconnect();
});

it('C13: what a server holds, message by message', async () => {
  const argv = ['-W', 'ignore', path.join(import.meta.dirname, 'python/test_offline_buffer.py')];
  const { stderr } = await promisify(execFile)(testPython(), argv);
  expect(stderr).toMatch(/\nRan \d+ tests in .*\n\nOK\n$/);
});
