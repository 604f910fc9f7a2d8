/** What a local Jupyter server shows and to whom: its secret, its kernels, its surroundings. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { argumentsOf } from '#platform/process-list.ts';
import { runCommand } from '#platform/process.ts';
import { makeLocalRig, type LocalRig } from '../rigs/local-backend.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { codeOf } from './contract-rig.ts';
import { callerWith, fetchText, filesBelow, start } from './local-start.ts';

let rig: LocalRig;
afterEach(() => rig.dispose());

describe('privacy', () => {
  test('C29, X122: the token is in one private file, and neither in arguments nor in any environment', async () => {
    rig = await makeLocalRig();
    const { endpoint, pid } = await start(rig);
    const token =
      endpoint.headers['Authorization']?.replace('token ', '') ?? expect.fail('no token');
    expect(token).toMatch(/^[0-9a-f]{48}$/);
    const kernel = await startRawKernel(endpoint, 'a.ipynb');
    expect(await kernel.execute('1')).toBe('ok');
    await kernel.leave();
    expect(rig.processes().length).toBeGreaterThan(1);
    for (const each of rig.processes()) {
      expect(argumentsOf(each).join(' ')).not.toContain(token);
      expect(await readFile(`/proc/${each}/environ`, 'latin1')).not.toContain(token);
    }
    expect(argumentsOf(pid).join(' ')).toContain('server-config.json');
    const withToken: string[] = [];
    for (const file of await filesBelow(rig.dir)) {
      const { mode } = await stat(file);
      expect(mode & 0o077, file).toBe(0);
      if ((await readFile(file, 'latin1')).includes(token)) withToken.push(path.basename(file));
    }
    expect(withToken).toEqual(['token']);
  });

  test('L8: kernels talk through files that only the user can reach, and listen on no port', async () => {
    rig = await makeLocalRig();
    const { endpoint } = await start(rig);
    const kernel = await startRawKernel(endpoint, 'a.ipynb');
    expect(await kernel.execute('1')).toBe('ok');
    await kernel.leave();
    const files = await filesBelow(path.join(rig.dir, 'run'));
    const connection =
      files.find((file) => file.endsWith(`${kernel.id}.json`)) ?? expect.fail('no connection file');
    expect(JSON.parse(await readFile(connection, 'utf8'))).toMatchObject({ transport: 'ipc' });
    expect((await stat(path.dirname(connection))).mode & 0o077).toBe(0);
  });

  test('L8: an address that others can reach is refused before anything is made', async () => {
    rig = await makeLocalRig();
    const caller = callerWith(rig);
    const outcome = await caller
      .start(rig.newBackend({ bindIp: '0.0.0.0' }))
      .catch((error: unknown) => codeOf(error));
    expect(outcome).toBe('config/invalid');
    expect(rig.servers()).toEqual([]);
    expect(caller.data).toEqual({});
  });
});

describe('what kernels see', () => {
  test('P8, X90: no secret of ours, the environment of their interpreter, and the folder of the notebook', async () => {
    rig = await makeLocalRig();
    await mkdir(path.join(rig.projectDir, 'deep/er'), { recursive: true });
    const environment = {
      ...rig.settings.environment,
      ANTHROPIC_API_KEY: 'sk-1',
      JUPYTER_TOKEN: 't',
      XDG_RUNTIME_DIR: '/run/user/1',
      WANDB_API_KEY: 'w',
      https_proxy: 'http://proxy.example.org:3128',
      PYTHONPATH: '/some/where',
    };
    const passEnvironment = [...rig.settings.passEnvironment, 'WANDB_API_KEY'];
    const { endpoint } = await start(rig, { environment, passEnvironment });
    const kernel = await startRawKernel(endpoint, 'deep/er/a.ipynb');
    const code = `
import os, sys, json
try:
    import glovebox_interp
except ImportError as error:
    toolkit = str(error)
json.dump([os.getcwd(), sys.executable, dict(os.environ), toolkit], open("seen.json", "w"))`;
    expect(await kernel.execute(code)).toBe('ok');
    await kernel.leave();
    const text = await readFile(path.join(rig.projectDir, 'deep/er/seen.json'), 'utf8');
    const seen: unknown = JSON.parse(text);
    const python = rig.settings.python ?? '';
    expect(seen).toEqual([
      path.join(rig.projectDir, 'deep/er'),
      python,
      expect.objectContaining({
        WANDB_API_KEY: 'w',
        https_proxy: 'http://proxy.example.org:3128',
        PYTHONPATH: expect.stringMatching(/\/libraries\/[^/]+:\/some\/where$/),
        VIRTUAL_ENV: path.dirname(path.dirname(python)),
        PATH: expect.stringMatching(`^${path.dirname(python)}:`),
      }),
      // The toolkit is there, and says what this environment lacks.
      'glovebox_interp needs PyTorch and transformers: %pip install torch transformers',
    ]);
    expect(text).not.toMatch(/ANTHROPIC|JUPYTER_TOKEN|XDG_RUNTIME_DIR/);
    expect(text).not.toContain(`"${path.join(rig.dir, 'sandboxes')}`);
  });

  test('C2: kernels that the user installed for other languages are offered, ours stays the default', async () => {
    rig = await makeLocalRig();
    const home = rig.settings.environment['HOME'] ?? '';
    for (const [name, language] of [
      ['other', 'r'],
      ['python3', 'not-ours'],
    ] as const) {
      const folder = path.join(home, '.local/share/jupyter/kernels', name);
      await mkdir(folder, { recursive: true });
      await writeFile(
        path.join(folder, 'kernel.json'),
        JSON.stringify({ argv: ['x'], display_name: name, language }),
      );
    }
    const { endpoint } = await start(rig);
    expect(JSON.parse(await fetchText(endpoint, 'api/kernelspecs'))).toMatchObject({
      default: 'python3',
      kernelspecs: {
        other: { spec: { language: 'r' } },
        python3: { spec: { language: 'python' } },
      },
    });
  });
});

describe('the interpreter', () => {
  test('L1: kernels run on the .venv of the project, as if it were activated, and are named after it', async () => {
    rig = await makeLocalRig();
    const python = rig.settings.python ?? '';
    const venv = path.join(rig.projectDir, '.venv');
    const env = { PATH: rig.settings.environment['PATH'] ?? '' };
    const made = await runCommand([python, '-m', 'venv', '--without-pip', venv], {
      env,
      timeoutMs: 60_000,
    });
    expect(made).toMatchObject({ code: 0 });
    // The packages of the test environment, so that nothing has to be installed.
    const script = 'import site; print(site.getsitepackages()[0])';
    const there = await runCommand([python, '-c', script], { env, timeoutMs: 60_000 });
    const here = await runCommand([path.join(venv, 'bin/python'), '-c', script], {
      env,
      timeoutMs: 60_000,
    });
    await writeFile(path.join(here.stdout.trim(), 'test.pth'), there.stdout);
    const { endpoint } = await start(rig, { python: undefined });
    const kernel = await startRawKernel(endpoint, 'a.ipynb');
    const code =
      'import sys, subprocess; open("seen", "w").write(sys.prefix + subprocess.getoutput("echo; command -v python"))';
    expect(await kernel.execute(code)).toBe('ok');
    await kernel.leave();
    const seen = await readFile(path.join(rig.projectDir, 'seen'), 'utf8');
    expect(seen).toBe(`${venv}\n${path.join(venv, 'bin/python')}`);
    expect(JSON.parse(await fetchText(endpoint, 'api/kernelspecs'))).toMatchObject({
      kernelspecs: {
        python3: {
          spec: {
            display_name: expect.stringMatching(/^Python 3\.\d+\.\d+ \(\.venv of my project\)$/),
          },
        },
      },
    });
  });
});

describe('isolation from its surroundings', () => {
  test('L3: personal settings, modules on PYTHONPATH and user packages do not change the server', async () => {
    rig = await makeLocalRig();
    const home = rig.settings.environment['HOME'] ?? '';
    const personal = {
      ServerApp: { base_url: '/mine', root_dir: '/', disable_check_xsrf: true },
      IdentityProvider: { token: '' },
    };
    for (const folder of ['.jupyter', '.local/etc/jupyter']) {
      await mkdir(path.join(home, folder), { recursive: true });
      await writeFile(
        path.join(home, folder, 'jupyter_server_config.json'),
        JSON.stringify(personal),
      );
      await writeFile(path.join(home, folder, 'jupyter_config.json'), JSON.stringify(personal));
    }
    const trap = path.join(home, 'trap');
    await mkdir(trap);
    await writeFile(
      path.join(trap, 'tornado.py'),
      'raise SystemExit("PYTHONPATH leaked into the server")\n',
    );
    const { endpoint, status } = await start(rig, {
      environment: { ...rig.settings.environment, PYTHONPATH: trap },
    });
    expect(status.state).toBe('ready');
    expect((await fetch(`${endpoint.baseUrl}api/status`)).status).toBeOneOf([401, 403]);
    expect(JSON.parse(await fetchText(endpoint, 'api/contents/'))).toMatchObject({
      type: 'directory',
    });
  });

  test('a person finds JupyterLab, which asks nothing and calls nobody', async () => {
    rig = await makeLocalRig();
    const { endpoint } = await start(rig);
    const page = await fetchText(endpoint, 'lab');
    const config =
      /<script id="jupyter-config-data" type="application\/json">\s*([^<]+)/.exec(page)?.[1] ??
      '{}';
    expect(JSON.parse(config)).toMatchObject({
      news: { disabled: true },
      terminalsAvailable: false,
      disabledExtensions: expect.arrayContaining(['@jupyterlab/lsp-extension']),
    });
    const update = await fetchText(endpoint, 'lab/api/update');
    expect(JSON.parse(update)).toMatchObject({ notification: null });
  });

  test('L8: a page of another site cannot use the server, not even by another name for this machine', async () => {
    rig = await makeLocalRig();
    const { endpoint } = await start(rig);
    const { port } = new URL(endpoint.baseUrl);
    const { status } = await rawGet(Number(port), {
      ...endpoint.headers,
      Host: `evil.example.org:${port}`,
    });
    expect(status).toContain('403');
  });
});

/** Without `fetch`, which sets the Host header itself. */
async function rawGet(
  port: number,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path: '/api/status', headers },
      (answer) => {
        answer.resume();
        resolve({ status: String(answer.statusCode) });
      },
    );
    outgoing.once('error', reject);
    outgoing.end();
  });
}
