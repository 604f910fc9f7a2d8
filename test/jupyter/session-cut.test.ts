/** A session whose connection breaks while code runs: nothing is lost, nothing runs twice, and the answer says what happened. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '#session/session.ts';
import { startJupyterServer, type RunningJupyterServer } from '../rigs/jupyter-server.ts';
import { openRawSession } from '../rigs/raw-session.ts';
import { startTcpRelay, type TcpRelay } from '../rigs/tcp-relay.ts';

let jupyter: RunningJupyterServer;
let relay: TcpRelay;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-cut-'));
  jupyter = await startJupyterServer();
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
