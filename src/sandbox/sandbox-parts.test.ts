/** The configuration of servers, ids, the registry and the browser page. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { JsonObject } from '#core/json.ts';
import { defineBackend, type Backend } from './backend.ts';
import { labPath, signInUrl, writeBrowserPage } from './browser-page.ts';
import { addressOf, gitTokensOf, headersFor } from './git-access.ts';
import { jupyterConfig } from './jupyter-config.ts';
import { layoutBelow } from './layout.ts';
import { BackendRegistry } from './registry.ts';
import { commandFor, serverSpec } from './rented-server.ts';
import { givesSecrets } from './secret-scopes.ts';
import { newSandboxId, onThisHost, projectSandboxId } from './sandbox-ids.ts';

const RECORD_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

test('C28, D13, X92: a server drops no output, and has no document that would win over the file', () => {
  const settings = { listen: {}, token: 't', rootDir: '/p', idleMs: 0, transport: 'ipc' as const };
  const config = jupyterConfig({
    ...settings,
    allowRoot: false,
    labDir: '/l',
    workspacesDir: '/w',
  });
  expect(config).toMatchObject({
    ServerApp: { limit_rate: false },
    ZMQChannelsWebsocketConnection: { limit_rate: false },
    YDocExtension: { disable_rtc: true },
  });
});

test('G7, M16: idleness ends kernels one by one where it was asked for, also connected ones, and never one that runs', () => {
  const settings = { listen: {}, token: 't', rootDir: '/p', transport: 'ipc' as const };
  const rest = { allowRoot: false, labDir: '/l', workspacesDir: '/w', idleMs: 3_600_000 };
  expect(jupyterConfig({ ...settings, ...rest })).toMatchObject({
    ServerApp: { shutdown_no_activity_timeout: 3600 },
    MappingKernelManager: { cull_idle_timeout: 0 },
  });
  const asked = { kernelIdleS: 300, deadlineMs: 1500 };
  expect(jupyterConfig({ ...settings, ...rest, ...asked })).toMatchObject({
    SandboxServerApp: { deadline: 2 },
    ServerApp: { shutdown_no_activity_timeout: 120 },
    MappingKernelManager: {
      cull_idle_timeout: 300,
      cull_interval: 30,
      cull_connected: true,
      cull_busy: false,
    },
  });
});

describe('ids', () => {
  const localSandboxId = (dir: string, name?: string): string =>
    projectSandboxId('local', dir, name);

  test('the local one follows from the folder alone', () => {
    const id = localSandboxId('/home/me/My Project');
    expect(id).toMatch(/^local-my-project-[0-9a-f]{12}$/);
    expect(localSandboxId('/home/me/My Project')).toBe(id);
    expect(localSandboxId('/home/you/My Project')).not.toBe(id);
    expect(localSandboxId('/home/me/My Project', 'gpu')).toMatch(/^local-gpu-[0-9a-f]{12}$/);
    expect(onThisHost(id).startsWith(`${id}-`)).toBe(true);
  });

  test.each(['/', '/a/研究', `/a/${'x'.repeat(200)}`, '/a/..b..', '/a/Ünïcödé — name'])(
    '%s gives a valid one',
    (dir) => {
      for (const id of [
        localSandboxId(dir),
        onThisHost(localSandboxId(dir)),
        newSandboxId('modal', dir),
      ]) {
        expect(id).toMatch(RECORD_ID);
      }
    },
  );

  test('one for each set of options follows from them, whatever their order', () => {
    const id = (options: JsonObject) => projectSandboxId('slurm', '/p', undefined, options);
    expect(id({ cpus: 2, time: '1:00' })).toMatch(/^slurm-p-[0-9a-f]{12}$/);
    expect(id({ time: '1:00', cpus: 2 })).toBe(id({ cpus: 2, time: '1:00' }));
    expect(id({ cpus: 3, time: '1:00' })).not.toBe(id({ cpus: 2, time: '1:00' }));
    expect(id({})).not.toBe(projectSandboxId('slurm', '/p', undefined));
    expect(id({})).not.toBe(projectSandboxId('slurm', '/p', 'n', {}));
  });

  test('every other one is new', () => {
    expect(newSandboxId('slurm', 'a')).not.toBe(newSandboxId('slurm', 'a'));
  });
});

describe('registry', () => {
  const made = (): Backend =>
    defineBackend({
      id: 'local',
      summary: 'for a test',
      needs: {},
      options: z.strictObject({}),
      sharesHost: true,
      offers: async () => [],
      start: () => Promise.reject(new Error('not here')),
      state: () => Promise.reject(new Error('not here')),
      endpoint: () => Promise.reject(new Error('not here')),
      logs: async () => [],
      stop: async () => undefined,
    });

  test('loads a back end when it is first asked for, once', async () => {
    let loads = 0;
    const registry = new BackendRegistry({
      local: async () => {
        loads += 1;
        return made();
      },
    });
    expect(registry.ids()).toEqual(['local']);
    expect(loads).toBe(0);
    const [one, two] = await Promise.all([registry.load('local'), registry.load('local')]);
    expect(one).toBe(two);
    expect(loads).toBe(1);
  });

  test('a loader that failed is tried again, and an unknown name tells the known ones', async () => {
    let loads = 0;
    const registry = new BackendRegistry({
      local: () => {
        loads += 1;
        return loads === 1 ? Promise.reject(new Error('chunk missing')) : Promise.resolve(made());
      },
    });
    await expect(registry.load('local')).rejects.toThrow('chunk missing');
    expect((await registry.load('local')).id).toBe('local');
    await expect(registry.load('cloud')).rejects.toMatchObject({
      code: 'backend/unknown',
      hint: 'Back ends: local.',
    });
  });
});

describe('browser page', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'page-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const endpoint = {
    baseUrl: 'http://127.0.0.1:8888/prefix/',
    headers: { Authorization: 'token abc123' },
  };

  test('is private, escapes what is in a name, and is one per notebook', async () => {
    const pages = path.join(folder, 'pages');
    const name = 'a "b" & <c>/d?e#f.ipynb';
    const url = signInUrl(endpoint, labPath(name)) ?? expect.fail('no address');
    const page = await writeBrowserPage(pages, url, labPath(name));
    expect((await stat(page)).mode & 0o777).toBe(0o600);
    expect((await stat(pages)).mode & 0o777).toBe(0o700);
    expect(page).not.toContain('abc123');
    const html = await readFile(page, 'utf8');
    const href = /url=([^"]+)"/.exec(html)?.[1] ?? '';
    expect(href).toBe(
      'http://127.0.0.1:8888/prefix/lab/tree/a%20%22b%22%20%26%20%3Cc%3E/d%3Fe%23f.ipynb?token=abc123',
    );
    expect(html).toContain('no-referrer');
    expect(await writeBrowserPage(pages, url, labPath(name))).toBe(page);
    expect(labPath('')).toBe('lab');
  });

  test.each([
    [{ Cookie: 'x' }],
    [{ Authorization: 'Bearer abc' }],
    [{ Authorization: 'token abc', 'X-Gate': 'y' }],
  ])('there is no address that could bring these headers: %j', (headers) =>
    expect(signInUrl({ ...endpoint, headers }, 'a.ipynb')).toBeUndefined(),
  );
});

test('ports are told to the server of a rented machine, and the program that serves them travels along', async () => {
  const layout = layoutBelow('/', 8888);
  const base = { layout, idleS: 60, emptyServerS: 60, envNames: [], paths: {} };
  const none = { models: [], weights: [], writable: [] };
  expect(serverSpec({ ...base, ...none, forwardPorts: [7860] })).toMatchObject({
    config: { SandboxServerApp: { forward_ports: [7860] } },
  });
  expect(JSON.stringify(serverSpec({ ...base, ...none }))).not.toContain('forward_ports');
  const pythonDir = path.resolve(import.meta.dirname, '../../python');
  const [, , , , , packed = ''] = await commandFor('sandbox_entry.py', { pythonDir, state: '/s' });
  const names =
    'import base64, json, sys, zlib; print(json.dumps([*json.loads(zlib.decompress(base64.b85decode(sys.argv[1])))]))';
  const { stdout } = spawnSync('python3', ['-I', '-c', names, packed], { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual(
    expect.arrayContaining([
      'port_forward.py',
      'offline_buffer.py',
      'handlers.py',
      'launch_kernel.py',
    ]),
  );
  // Modal takes 64 KiB of arguments.
  expect(packed.length).toBeLessThan(56 * 1024);
});

test('3.4: what only fetches gives nobody a secret; everything else does, and so does what is not understood', () => {
  const asked = [
    {},
    { secrets: [] },
    { secrets: [{ env: 'HF_TOKEN' }] },
    { secrets: [{ env: 'GITHUB_TOKEN', scope: ['download'] }] },
    { secrets: [{ env: 'GITHUB_TOKEN' }] },
    { secrets: [{ env: 'HF_TOKEN', scope: ['download', 'kernel'] }] },
    { secrets: 'HF_TOKEN' },
    { header_secrets: [{}] },
    { header_secrets: [] },
  ];
  expect(asked.map(givesSecrets)).toEqual([
    false,
    false,
    false,
    false,
    true,
    true,
    true,
    true,
    false,
  ]);
});

test('3.3: a token is for the server that it belongs to; an address over SSH is the same place over https', () => {
  const named = { GH_TOKEN: 'g', HF_TOKEN: 'h', OTHER_TOKEN: 'o' };
  const tokens = gitTokensOf(named, 'https://hub.example.org/');
  expect(tokens).toEqual({ 'https://github.com': 'g', 'https://hub.example.org': 'h' });
  const urls = [
    'org/lib',
    'git@github.com:org/lib.git',
    'ssh://git@github.com/org/lib.git',
    'https://github.com.example.org/org/lib.git',
  ].map(addressOf);
  expect(new Set(urls.slice(0, 3))).toEqual(new Set(['https://github.com/org/lib.git']));
  expect(Object.keys(headersFor(urls, tokens))).toEqual(['https://github.com/org/lib.git']);
});
