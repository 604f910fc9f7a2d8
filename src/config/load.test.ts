import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config, Flags } from './config.ts';
import { loadConfig } from './load.ts';
import { Secret } from './secret.ts';

let top = '';
let home = '';
let project = '';
beforeEach(async () => {
  top = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-config-')));
  home = path.join(top, 'home');
  project = path.join(top, 'project');
  await mkdir(path.join(project, '.git'), { recursive: true });
  await mkdir(home);
});
afterEach(() => rm(top, { recursive: true, force: true }));

const load = (env: Readonly<Record<string, string>> = {}, flags: Flags = {}): Promise<Config> =>
  loadConfig({ env: { HOME: home, ...env }, cwd: project, flags });
const projectFile = (text: string): Promise<void> =>
  writeFile(path.join(project, 'glovebox.toml'), text);
async function userFile(text: string): Promise<void> {
  await mkdir(path.join(home, '.glovebox'));
  await writeFile(path.join(home, '.glovebox/glovebox.toml'), text);
}
const messages = (config: Config): readonly string[] =>
  config.problems().map(({ severity, message }) => `${severity}: ${message}`);
const failing = (read: () => unknown): Error => {
  try {
    read();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It did not throw.');
};

describe('where a value comes from', () => {
  it('is the default, and reading makes nothing', async () => {
    const config = await load();
    expect(config.get('run.wait_s')).toBe(45);
    expect(config.get('dir')).toBe(path.join(home, '.glovebox'));
    expect(config.get('notebook.dir')).toBe(path.join(project, 'notebooks'));
    expect(config.get('log.dir')).toBe(path.join(home, '.glovebox/logs'));
    expect(config.get('project_dir')).toBe(project);
    expect(config.get('backend')).toBeUndefined();
    expect(config.problems()).toEqual([]);
    expect(await readdir(home)).toEqual([]);
  });

  it('is the strongest source: default < user < project < environment < flag', async () => {
    await userFile(
      '[run]\nwait_s = 1\n[output]\nmax_chars = 2001\ncell_mb = 2\nimage_max_px = 202\n',
    );
    await projectFile('[output]\nmax_chars = 3001\ncell_mb = 3\nimage_max_px = 303\n');
    const config = await load(
      { GLOVEBOX_CELL_OUTPUT_MB: '4', GLOVEBOX_IMAGE_MAX_PX: '404' },
      { 'output.image_max_px': '505' },
    );
    const values = new Map(
      config.explain().map(({ key, value, origin }) => [key, [value, origin]]),
    );
    expect(values.get('kernel.ready_s')).toEqual(['60', 'default']);
    expect(values.get('run.wait_s')).toEqual([
      '1',
      { file: path.join(home, '.glovebox/glovebox.toml'), line: 2 },
    ]);
    expect(values.get('output.max_chars')).toEqual([
      '3001',
      { file: path.join(project, 'glovebox.toml'), line: 2 },
    ]);
    expect(values.get('output.cell_mb')).toEqual(['4', { env: 'GLOVEBOX_CELL_OUTPUT_MB' }]);
    expect(values.get('output.image_max_px')).toEqual(['505', { flag: 'output.image_max_px' }]);
  });

  it('4.3: an option of the plugin is weaker than its own variable, stronger than shared and old ones', async () => {
    const shared = { HF_TOKEN: 'shared', CLAUDE_PLUGIN_OPTION_HF_TOKEN: 'of-the-plugin' };
    expect((await load(shared)).get('hub.token')?.reveal()).toBe('of-the-plugin');
    const both = await load({ ...shared, GLOVEBOX_HF_TOKEN: 'own' });
    expect(both.get('hub.token')?.reveal()).toBe('own');
    const none = await load({
      ...shared,
      CLAUDE_PLUGIN_OPTION_HF_TOKEN: '${user_config.hf_token}',
    });
    expect(none.get('hub.token')?.reveal()).toBe('shared');
    expect(messages(both)).toEqual([]);
    const bad = await load({ CLAUDE_PLUGIN_OPTION_BACKEND: 'moon', JLAB_MCP_RUN_MODE: 'slurm' });
    expect(failing(() => bad.get('backend')).message).toMatch(
      /^The plugin option backend is "moon"/,
    );
  });

  it('P12: skips variables that are blank or were passed on literally', async () => {
    const config = await load({
      GLOVEBOX_WAIT_S: ' ',
      GLOVEBOX_OUTPUT_CHARS: '${GLOVEBOX_OUTPUT_CHARS}',
    });
    expect([config.get('run.wait_s'), config.get('output.max_chars')]).toEqual([45, 10_000]);
    expect(config.problems()).toEqual([]);
  });

  it('follows GLOVEBOX_DIR to the file of the user', async () => {
    await mkdir(path.join(top, 'state'));
    await writeFile(path.join(top, 'state/glovebox.toml'), 'offline = true');
    const config = await load({ GLOVEBOX_DIR: '~/../state' });
    expect(config.get('dir')).toBe(path.join(top, 'state'));
    expect(config.get('offline')).toBe(true);
  });
});

describe('values', () => {
  it('are typed, from text and from files', async () => {
    await projectFile(
      'offline = true\n[local]\nidle_h = 0.5\n[python]\npackages = ["polars", "pandas>=2"]\n[kernel]\nstdin = "ask"\n',
    );
    const fromFile = await load();
    const fromText = await load({
      GLOVEBOX_OFFLINE: 'Yes',
      GLOVEBOX_LOCAL_IDLE_H: '.5',
      GLOVEBOX_PACKAGES: 'polars, pandas>=2',
      GLOVEBOX_STDIN: 'ask',
    });
    for (const config of [fromFile, fromText]) {
      expect(config.get('offline')).toBe(true);
      expect(config.get('local.idle_h')).toBe(0.5);
      expect(config.get('python.packages')).toEqual(['polars', 'pandas>=2']);
      expect(config.get('kernel.stdin')).toBe('ask');
    }
  });

  it('that are paths count from where they were written, and know ~', async () => {
    await projectFile('[notebook]\ndir = "lab"\n[python]\ninterpreter = ".venv/bin/python"\n');
    expect((await load()).get('notebook.dir')).toBe(path.join(project, 'lab'));
    expect((await load()).get('python.interpreter')).toBe(path.join(project, '.venv/bin/python'));
    expect((await load({ GLOVEBOX_NOTEBOOK_DIR: '~/lab' })).get('notebook.dir')).toBe(
      path.join(home, 'lab'),
    );
    expect((await load({ GLOVEBOX_PYTHON: 'python3.12' })).get('python.interpreter')).toBe(
      'python3.12',
    );
  });

  it('that are secret never show', async () => {
    const config = await load({ GLOVEBOX_PROXY: 'http://me:hunter2@proxy' });
    const proxy = config.get('network.proxy');
    expect(proxy).toBeInstanceOf(Secret);
    expect(proxy?.reveal()).toBe('http://me:hunter2@proxy');
    expect(JSON.stringify(config.explain())).not.toContain('hunter2');
    await userFile('[network]\nproxy = ["hunter2"]\n');
    const bad = await load();
    expect(JSON.stringify([bad.explain(), bad.problems()])).not.toContain('hunter2');
    expect(messages(bad)).toEqual([
      expect.stringContaining('network.proxy is [redacted] but must be'),
    ]);
  });
});

describe('a bad value', () => {
  it('is an error only for whoever reads it, and names variable, value and what is accepted', async () => {
    const config = await load({ GLOVEBOX_OUTPUT_CHARS: 'many' });
    expect(config.get('run.wait_s')).toBe(45);
    expect(config.getOrDefault('output.max_chars')).toBe(10_000);
    expect(failing(() => config.get('output.max_chars'))).toMatchObject({
      code: 'config/invalid',
      message: 'GLOVEBOX_OUTPUT_CHARS is "many" but must be a whole number from 1000 to 45000.',
      hint: 'Correct or unset GLOVEBOX_OUTPUT_CHARS.',
    });
  });

  it('does not fall back to a weaker source', async () => {
    await projectFile('[run]\nwait_s = 10\n');
    const config = await load({ GLOVEBOX_WAIT_S: '601' });
    expect(() => config.get('run.wait_s')).toThrow('GLOVEBOX_WAIT_S is "601"');
  });

  it.each([
    ['# comment\n[output]\n\nmax_chars = "5000"\n', 4],
    ['[run]\nwait_s = 1\n[ output ] # here\n"max_chars"=5.5\n', 4],
    ['output.max_chars = true\n', 1],
    ['\noutput = { max_chars = 5 }\n', undefined],
  ])('in a file is named with its line: %j', async (text, line) => {
    await projectFile(text);
    const where = path.join(project, 'glovebox.toml') + (line === undefined ? '' : `:${line}`);
    const config = await load();
    expect(failing(() => config.get('output.max_chars')).message).toContain(
      `${where}: output.max_chars is `,
    );
  });

  it('of a list of words suggests the right one', async () => {
    const config = await load({ GLOVEBOX_BACKEND: 'lcoal' });
    expect(failing(() => config.get('backend')).message).toBe(
      'GLOVEBOX_BACKEND is "lcoal" but must be one of local, slurm, modal, huggingface. Did you mean "local"?',
    );
  });

  it.each([
    [{ GLOVEBOX_WAIT_S: '1e2' }, 'run.wait_s'],
    [{ GLOVEBOX_WAIT_S: '0x10' }, 'run.wait_s'],
    [{ GLOVEBOX_WAIT_S: '-1' }, 'run.wait_s'],
    [{ GLOVEBOX_LOCAL_IDLE_H: '.' }, 'local.idle_h'],
    [{ GLOVEBOX_OFFLINE: 'maybe' }, 'offline'],
    [{ GLOVEBOX_KERNEL_ENV: 'GOOD, BAD-NAME' }, 'kernel.env'],
    [{ GLOVEBOX_PACKAGES: '--index-url=http://x' }, 'python.packages'],
    [{ GLOVEBOX_TOOLSETS: 'notebook hubs' }, 'tools.toolsets'],
    [{ GLOVEBOX_LOCAL_BIND_IP: 'localhost' }, 'local.bind_ip'],
  ] as const)('is refused: %j', async (env, key) => {
    const config = await load(env);
    expect(failing(() => config.get(key))).toMatchObject({ code: 'config/invalid' });
    expect(config.problems()).toHaveLength(1);
  });

  it('may be bad only together with another one', async () => {
    const ports = await load({ GLOVEBOX_PORT_MIN: '9000', GLOVEBOX_PORT_MAX: '8000' });
    expect(() => ports.get('local.port_min')).toThrow(
      'GLOVEBOX_PORT_MIN is 9000, but the lowest port 9000',
    );
    expect(() => ports.get('local.port_max')).toThrow(
      'GLOVEBOX_PORT_MAX is 8000, but the lowest port 9000',
    );
    const open = { GLOVEBOX_LOCAL_BIND_IP: '0.0.0.0' };
    const closed = await load(open);
    expect(() => closed.get('local.bind_ip')).toThrow(
      'GLOVEBOX_LOCAL_BIND_IP is "0.0.0.0", but only loopback',
    );
    expect((await load({ GLOVEBOX_LOCAL_BIND_IP: '127.0.0.2' })).get('local.bind_ip')).toBe(
      '127.0.0.2',
    );
  });
});

describe('old names', () => {
  it('are honoured and reported once', async () => {
    const config = await load({ JLAB_MCP_PYTHON: '/usr/bin/python3', JLAB_MCP_RUN_MODE: 'slurm' });
    expect(config.get('python.interpreter')).toBe('/usr/bin/python3');
    expect(config.get('backend')).toBe('slurm');
    expect(messages(config)).toEqual([
      'notice: JLAB_MCP_RUN_MODE is an old name.',
      'notice: JLAB_MCP_PYTHON is an old name.',
    ]);
  });

  it('lose against the new one, with a warning when they differ', async () => {
    const config = await load({
      JLAB_MCP_PYTHON: '/old',
      GLOVEBOX_PYTHON: '/new',
      GLOVEBOX_DIR: '/a',
      JLAB_MCP_DIR: '/a',
    });
    expect(config.get('python.interpreter')).toBe('/new');
    expect(messages(config)).toEqual([
      'warning: GLOVEBOX_PYTHON is used, and JLAB_MCP_PYTHON says something else.',
    ]);
  });

  it('know only their old values', async () => {
    const config = await load({ JLAB_MCP_RUN_MODE: 'modal' });
    expect(() => config.get('backend')).toThrow(
      'JLAB_MCP_RUN_MODE is "modal" but must be one of local, slurm.',
    );
  });

  it('do not open the network by themselves', async () => {
    const config = await load({ JLAB_MCP_LOCAL_BIND_IP: '0.0.0.0' });
    expect(() => config.get('local.bind_ip')).toThrow('only loopback');
  });
});

describe('files', () => {
  it('that cannot be parsed fail what they might have set, with the line, and nothing else', async () => {
    await projectFile('[output]\nmax_chars = = 3\n');
    const config = await load({ GLOVEBOX_WAIT_S: '7' });
    expect(config.get('run.wait_s')).toBe(7);
    expect(failing(() => config.get('output.max_chars')).message).toContain(
      `${path.join(project, 'glovebox.toml')}:2 cannot be read`,
    );
    expect(config.getOrDefault('output.max_chars')).toBe(10_000);
    expect(config.problems()).toHaveLength(1);
    expect(config.explain().find(({ key }) => key === 'output.max_chars')?.error).toContain(
      'glovebox.toml:2',
    );
  });

  it('that cannot be opened are not taken for absent', async () => {
    await mkdir(path.join(project, 'glovebox.toml'));
    const config = await load();
    expect(() => config.get('run.wait_s')).toThrow('glovebox.toml cannot be read');
  });

  it('with unknown keys are reported with a suggestion, and the rest counts', async () => {
    await projectFile(
      'ofline = true\n[output]\nmax_char = 5000\ncell_mb = 7\n[kernels]\nstdin = "ask"\n',
    );
    const config = await load();
    const file = path.join(project, 'glovebox.toml');
    expect(config.get('output.cell_mb')).toBe(7);
    expect(messages(config)).toEqual([
      `error: ${file}:1: ofline is not an option. Did you mean "offline"?`,
      `error: ${file}:3: output.max_char is not an option. Did you mean "output.max_chars"?`,
      `error: ${file}:5: kernels is not an option. Did you mean "kernel"?`,
    ]);
  });

  it('of a project cannot open the machine, the one of the user can', async () => {
    const text = '[local]\nbind_ip = "127.0.0.2"\n[kernel]\nenv = ["AWS_*"]\n';
    await projectFile(text);
    const config = await load();
    expect(config.get('local.bind_ip')).toBe('127.0.0.1');
    expect(config.get('kernel.env')).toEqual([]);
    expect(messages(config)).toHaveLength(2);
    expect(messages(config)[0]).toContain(
      'glovebox.toml:2: local.bind_ip cannot be set by a project',
    );
    await userFile(text);
    expect((await load()).get('local.bind_ip')).toBe('127.0.0.2');
  });

  it('cannot say where the files are', async () => {
    await userFile('dir = "/elsewhere"\n');
    const config = await load();
    expect(config.get('dir')).toBe(path.join(home, '.glovebox'));
    expect(messages(config)).toEqual([expect.stringContaining('dir cannot be set in a file')]);
  });

  it('hold sandbox profiles, of which the one of the project wins', async () => {
    await userFile('[sandbox.big]\nbackend = "modal"\ngpu = "H100"\n[sandbox.small]\ncpus = 1\n');
    await projectFile('sandbox.odd = 3\n\n[sandbox.big]\nbackend = "slurm"\nenv = { A = "1" }\n');
    const config = await load();
    const profiles = config.profiles();
    expect([...profiles.keys()].toSorted()).toEqual(['big', 'small']);
    expect(profiles.get('big')).toEqual({
      name: 'big',
      options: { backend: 'slurm', env: { A: '1' } },
      file: path.join(project, 'glovebox.toml'),
      line: 3,
    });
    expect(messages(config)).toEqual([
      expect.stringContaining('glovebox.toml:1: sandbox.odd is not a profile'),
    ]);
  });
});

it('reports variables that nobody reads', async () => {
  const config = await load({ GLOVEBOX_OUTPUT_CHAR: '5000' });
  expect(messages(config)).toEqual([
    'warning: GLOVEBOX_OUTPUT_CHAR is not a variable that is read. Did you mean "GLOVEBOX_OUTPUT_CHARS"?',
  ]);
});

it('takes names that other programs share, and asks nobody to rename them', async () => {
  const config = await loadConfig({
    env: { HF_TOKEN: 'hf_a', HUGGING_FACE_HUB_TOKEN: 'hf_b', GLOVEBOX_HF_TOKEN: '${HF_TOKEN}' },
    cwd: '/',
    projectDir: '/',
  });
  expect(config.get('hub.token')?.reveal()).toBe('hf_a');
  expect(config.problems()).toEqual([]);
  expect(JSON.stringify(config.explain())).not.toContain('hf_a');
});

it.each([
  'http://hub.example.test',
  'https://a:b@hub.example.test',
  'https://h.test/?q',
  'hub',
  'ftp://h.test',
])('2.2: takes no %s for a service', async (url) => {
  const config = await loadConfig({ env: { HF_ENDPOINT: url }, cwd: '/', projectDir: '/' });
  expect(() => config.get('hub.endpoint')).toThrow(/HF_ENDPOINT/);
});

it('2.2: takes a service on this machine over http, and drops the slash at the end', async () => {
  const config = await loadConfig({
    env: {
      HF_ENDPOINT: 'http://127.0.0.1:8080//',
      GLOVEBOX_DATASETS_SERVER: 'https://v.example.test/x/',
    },
    cwd: '/',
    projectDir: '/',
  });
  expect(config.get('hub.endpoint')).toBe('http://127.0.0.1:8080');
  expect(config.get('hub.datasets_server')).toBe('https://v.example.test/x');
});
