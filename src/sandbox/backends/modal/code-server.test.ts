/** The editor inside: what is fetched is what was pinned, and nobody but the sandbox's server is let in. */
import { execFile, type ExecFileException } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { serveCodeServer, type ServedArchive } from '../../../../test/rigs/code-server.ts';
import { freePort } from '../../../../test/rigs/free-port.ts';
import { testPython } from '../../../../test/rigs/python.ts';
import { CODE_SERVER, startCodeServer, type CodeServerArchives } from './code-server.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const LAYOUT = {
  workspace: 'workspace',
  state: 'state',
  models: 'models',
  cache: 'cache',
  ip: '127.0.0.1',
  port: 1,
};

let machine: string;
let served: ServedArchive;
beforeEach(async () => {
  machine = realpathSync(mkdtempSync(path.join(tmpdir(), 'gb-editor-')));
  mkdirSync(path.join(machine, 'workspace'));
  served = await serveCodeServer();
});
afterEach(() => {
  served.close();
  rmSync(machine, { recursive: true, force: true, maxRetries: 5 });
});

const start = (port: number, archives: CodeServerArchives): Promise<void> =>
  startCodeServer(
    { code_server: true, code_server_port: port },
    {
      modalId: 'sb-1',
      layout: LAYOUT,
      pythonDir: path.join(root, 'python'),
      sdk: {
        exec: (_id, argv, { stdin }) =>
          new Promise((resolve) => {
            const PATH = `${path.dirname(testPython())}:/usr/bin:/bin`;
            const options = { cwd: machine, env: { PATH }, encoding: 'utf8' } as const;
            const ended = (error: ExecFileException | null, stdout: string, stderr: string) =>
              resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
            execFile(testPython(), argv.slice(1), options, ended).stdin?.end(stdin);
          }),
      },
      signal: new AbortController().signal,
      report: () => undefined,
    },
    archives,
  );

test('SEC1, SEC2, SEC12: it is the pinned one, on loopback, with a password that stands in no argument and no log', async () => {
  const port = await freePort();
  await start(port, served.archives);
  const folder = path.join(machine, 'state/code-server/private');
  const text = readFileSync(path.join(folder, 'config.yaml'), 'utf8');
  const config = z.looseObject({ password: z.string() }).parse(JSON.parse(text));
  expect(Buffer.from(config.password, 'base64url')).toHaveLength(32);
  expect(config).toMatchObject({ 'bind-addr': `127.0.0.1:${port}`, auth: 'password' });
  for (const name of ['config.yaml', 'cookie'])
    expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const cookie = readFileSync(path.join(folder, 'cookie'), 'utf8');
  const page = async (headers: Record<string, string>): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/`, { headers, redirect: 'manual' });
  expect((await page({})).status).toBe(302);
  const seen = z
    .object({ pid: z.number(), workspace: z.string() })
    .parse(await (await page({ cookie })).json());
  expect(seen.workspace).toBe(path.join(machine, 'workspace'));
  expect(readFileSync(`/proc/${seen.pid}/cmdline`, 'utf8')).not.toContain(config.password);
  expect(readFileSync(`/proc/${seen.pid}/environ`, 'utf8')).not.toContain(config.password);
  expect(readFileSync(path.join(folder, 'log'), 'utf8')).not.toContain(config.password);
  // A start that was cut off is carried on: what runs stays, and nothing is fetched again.
  served.close();
  await start(port, served.archives);
  expect(await (await page({ cookie })).json()).toMatchObject({ pid: seen.pid });
});

test('SEC12: an archive that is another one is refused, and nothing of it stays', async () => {
  const { url } = served.archives['x86_64'] ?? expect.fail();
  const other = { url, sha256: '0'.repeat(64) };
  const wrong = { x86_64: other, aarch64: other };
  await expect(start(await freePort(), wrong)).rejects.toMatchObject({
    code: 'sandbox/start-failed',
    message: expect.stringMatching(/is not the file that was pinned: its SHA-256 is [0-9a-f]{64}/),
  });
  const folder = path.join(machine, 'state/code-server');
  expect(readdirSync(folder, { recursive: true })).toEqual(['stage']);
  expect(existsSync(path.join(folder, 'private'))).toBe(false);
  await expect(start(await freePort(), {})).rejects.toThrow('there is no code-server for');
  for (const { url: address, sha256 } of Object.values(CODE_SERVER)) {
    expect(address).toMatch(/^https:\/\/github\.com\/coder\/code-server\/releases\/download\/v4/);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});
