/** The service over real local servers: several processes, starters that die, waits that end, and what is on record. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isRecord } from '#core/json.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { sandboxLine } from '#tools/sandbox-answers.ts';
import type { Backend } from '#sandbox/backend.ts';
import type { LocalSettings } from '#sandbox/backends/local/settings.ts';
import { BackendRegistry } from '#sandbox/registry.ts';
import { Sandboxes, type SandboxView, type SandboxWait } from '#sandbox/sandboxes.ts';
import { makeLocalRig, writePythonDir, type LocalRig } from '../rigs/local-backend.ts';
import { runProgram, type Program } from '../rigs/program.ts';
import { failureOf, never } from './contract-rig.ts';

let rig: LocalRig;
const programs: Program[] = [];
afterEach(async () => {
  for (const program of programs.splice(0)) program.process.kill('SIGKILL');
  await rig.dispose();
});

function service(changes: Partial<LocalSettings> = {}): Sandboxes {
  const registry = new BackendRegistry({ local: async () => rig.newBackend(changes) });
  return new Sandboxes({
    registry,
    dir: rig.dir,
    clock: systemClock,
    log: silentLog,
    defaultBackend: () => 'local',
  });
}

const waiting = (waitMs = 50_000, reports: string[] = []): SandboxWait => ({
  waitMs,
  signal: never(),
  report: ({ message }) => reports.push(message),
});

/** Another Glovebox, that starts the project's local sandbox, prints what it got, and stays. */
function otherProcess(changes: Partial<LocalSettings> = {}): Program {
  const settings = { ...rig.settings, ...changes };
  const program = runProgram(`
    import { createLocalBackend } from '#sandbox/backends/local/index.ts';
    import { BackendRegistry } from '#sandbox/registry.ts';
    import { Sandboxes } from '#sandbox/sandboxes.ts';
    import { systemClock } from '#platform/clock.ts';
    import { silentLog } from '#platform/log.ts';
    const settings = () => (${JSON.stringify(settings)});
    const registry = new BackendRegistry({
      local: async () => createLocalBackend({ settings, clock: systemClock, log: silentLog }),
    });
    const sandboxes = new Sandboxes({ registry, dir: settings().dir, clock: systemClock, log: silentLog, defaultBackend: () => 'local' });
    const wait = { waitMs: 50000, signal: new AbortController().signal, report: ({ message }) => console.log('progress:', message) };
    setInterval(() => undefined, 1000);
    sandboxes.ensureLocal(${JSON.stringify(rig.projectDir)}, wait).then(
      (view) => console.log('view:' + JSON.stringify(view) + ':end'),
      (error) => console.log('failure:' + JSON.stringify({ code: error.code, message: error.message, hint: error.hint }) + ':end'),
    );
  `);
  programs.push(program);
  return program;
}

async function told(program: Program): Promise<Record<string, unknown>> {
  const output = await program.printed(':end');
  const value: unknown = JSON.parse(/(?:view|failure):(.*):end/.exec(output)?.[1] ?? 'null');
  return isRecord(value) ? value : expect.fail(output);
}

/** A server that waits in its start until a file is there. */
async function slowPython(): Promise<{ pythonDir: string; readonly release: () => Promise<void> }> {
  const pythonDir = path.join(rig.projectDir, 'slow');
  const [gate, real] = [path.join(pythonDir, 'go'), path.join(rig.settings.pythonDir, 'serve.py')];
  const code = `import os, runpy, time
while not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.02)
runpy.run_path(${JSON.stringify(real)}, run_name="__main__")
`;
  await writePythonDir(pythonDir, code);
  return { pythonDir, release: () => writeFile(gate, '') };
}

describe('ensureLocal', () => {
  test('X47: gives a project one server, named after it, and the same one again', async () => {
    rig = await makeLocalRig();
    const reports: string[] = [];
    const first = await service().ensureLocal(rig.projectDir, waiting(50_000, reports));
    expect(first).toMatchObject({
      id: expect.stringMatching(/^local-my-project-[0-9a-f]{12}$/),
      backend: 'local',
      projectDir: rig.projectDir,
      serverRootDir: rig.projectDir,
      jupyterUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      status: { state: 'ready', generation: 1 },
    });
    expect(reports).toContain('starting the Jupyter server');
    expect(await service().ensureLocal(path.join(rig.projectDir, '.'), waiting())).toEqual(first);
    expect(rig.servers()).toHaveLength(1);
  });

  test('S31: started by several processes and several calls at once, there is one server, and all of them get it', async () => {
    rig = await makeLocalRig();
    const others = [otherProcess(), otherProcess(), otherProcess()];
    const sandboxes = service();
    const mine = await Promise.all(
      [1, 2, 3].map(() => sandboxes.ensureLocal(rig.projectDir, waiting())),
    );
    const theirs = await Promise.all(others.map((program) => told(program)));
    const urls = [
      ...mine.map((view) => view.jupyterUrl),
      ...theirs.map((view) => view['jupyterUrl']),
    ];
    expect(new Set(urls).size).toBe(1);
    expect(urls[0]).toMatch(/^http/);
    expect(rig.servers()).toHaveLength(1);
    expect(mine[0]?.status.generation).toBe(1);
  });

  test('S32: the end of a wait ends no start: the same call continues it', async () => {
    rig = await makeLocalRig();
    const { pythonDir, release } = await slowPython();
    const sandboxes = service({ pythonDir });
    const early = await sandboxes.ensureLocal(rig.projectDir, waiting(0));
    expect(early.status.state).toBeOneOf(['preparing', 'starting']);
    const abort = new AbortController();
    const cancelled = sandboxes.ensureLocal(rig.projectDir, { ...waiting(), signal: abort.signal });
    abort.abort();
    expect((await failureOf(cancelled)).code).toBe('cancelled');
    await expect.poll(() => rig.servers().length, { timeout: 30_000 }).toBe(1);
    // Another process sees the same, and follows.
    const elsewhere = service({ pythonDir });
    expect((await elsewhere.get(early.id, never())).status.state).toBeOneOf([
      'preparing',
      'starting',
    ]);
    const followed = elsewhere.ensureLocal(rig.projectDir, waiting());
    await release();
    expect((await followed).status).toMatchObject({ state: 'ready', generation: 1 });
    expect((await sandboxes.wait(early.id, waiting())).status).toMatchObject({
      state: 'ready',
      generation: 1,
    });
    expect(rig.servers()).toHaveLength(1);
  });

  test('a starter that dies before there is a server is taken over', async () => {
    rig = await makeLocalRig();
    // Its Python never answers, so it is still choosing one when it is killed.
    const stuck = path.join(rig.projectDir, 'stuck');
    await writeFile(stuck, '#!/bin/sh\nexec sleep 600\n', { mode: 0o700 });
    const program = otherProcess({ python: stuck });
    await expect
      .poll(async () => (await service().list({}, never()))[0]?.status.state, { timeout: 20_000 })
      .toBe('preparing');
    program.process.kill('SIGKILL');
    await program.ended;
    const view = await service().ensureLocal(rig.projectDir, waiting());
    expect(view.status).toMatchObject({ state: 'ready' });
    expect(rig.servers()).toHaveLength(1);
  });

  test('a starter that dies after it started the server loses nothing: the next process waits for that one', async () => {
    rig = await makeLocalRig();
    const { pythonDir, release } = await slowPython();
    const program = otherProcess({ pythonDir });
    await expect.poll(() => rig.servers().length, { timeout: 20_000 }).toBe(1);
    const [server] = rig.servers();
    program.process.kill('SIGKILL');
    await program.ended;
    const following = service().ensureLocal(rig.projectDir, waiting());
    await release();
    expect((await following).status).toMatchObject({ state: 'ready', generation: 1 });
    expect(rig.servers().map((row) => row.pid)).toEqual([server?.pid]);
  });

  test('a failed start is told with its own error, in this process and in one that follows, and may be tried again', async () => {
    rig = await makeLocalRig();
    const missing = service({ python: '/no/such/python' });
    const failure = await failureOf(missing.ensureLocal(rig.projectDir, waiting()));
    expect(failure).toMatchObject({
      code: 'python/missing',
      hint: expect.stringContaining('GLOVEBOX_PYTHON'),
    });
    const [view] = await service().list({ includeEnded: true }, never());
    expect(view?.status).toMatchObject({
      state: 'ended',
      end: { cause: 'start-failed', message: failure.message },
    });
    expect(await service().list({}, never())).toEqual([]);
    expect((await service().ensureLocal(rig.projectDir, waiting())).status.state).toBe('ready');
  });

  test('X121: two projects have two servers, and a further name in one project a third', async () => {
    rig = await makeLocalRig();
    const other = path.join(rig.projectDir, '../other');
    await mkdir(other);
    const sandboxes = service();
    const views = await Promise.all([
      sandboxes.ensureLocal(rig.projectDir, waiting()),
      sandboxes.ensureLocal(other, waiting()),
      sandboxes.create(
        {
          backend: 'local',
          projectDir: rig.projectDir,
          name: 'Second one',
          options: { tags: { study: 'probes', round: '2' } },
        },
        waiting(),
      ),
    ]);
    expect(new Set(views.map((view) => view.jupyterUrl)).size).toBe(3);
    expect(views[2]).toMatchObject({
      id: expect.stringMatching(/^local-second-one-/),
      name: 'Second one',
    });
    expect(rig.servers()).toHaveLength(3);
    const ofProject = await sandboxes.list({ projectDir: rig.projectDir }, never());
    expect(ofProject.map((view) => view.id).toSorted()).toEqual(
      [views[0].id, views[2].id].toSorted(),
    );
    // 3.1: tags tell them apart wherever they run.
    const tagged = async (tags: Readonly<Record<string, string>>) =>
      (await sandboxes.list({ tags }, never())).map(({ id }) => id);
    expect(await tagged({ study: 'probes' })).toEqual([views[2].id]);
    expect(await tagged({ study: 'probes', round: '3' })).toEqual([]);
    expect(sandboxLine(views[2], Date.now())).toMatch(/study=probes round=2$/);
    expect(await tagged({})).toHaveLength(3);
  });

  test('options that a living one does not have are named, those that it has are not', async () => {
    rig = await makeLocalRig();
    const { projectDir } = rig;
    const options = { packages: ['numpy'] };
    const first = await service().create({ backend: 'local', projectDir, options }, waiting());
    expect(first.ignoredOptions).toBeUndefined();
    const wanted = { ...options, python: 'managed' };
    const again = await service().create(
      { backend: 'local', projectDir, options: wanted },
      waiting(),
    );
    expect(again).toEqual({ ...first, ignoredOptions: ['python'] });
    expect((await service().get(first.id, never())).ignoredOptions).toBeUndefined();
  });

  test('S31: elsewhere too a project has one, or one for each set of options, when that is asked for', async () => {
    rig = await makeLocalRig();
    const { projectDir } = rig;
    const elsewhere: Backend = { ...rig.newBackend(), id: 'slurm', sharesHost: false };
    const registry = new BackendRegistry({ slurm: async () => elsewhere });
    const newService = (): Sandboxes =>
      new Sandboxes({
        registry,
        dir: rig.dir,
        clock: systemClock,
        log: silentLog,
        defaultBackend: () => 'slurm',
      });
    const create = (
      options: object,
      once?: 'project' | 'options',
      name?: string,
    ): Promise<SandboxView> =>
      newService().create(
        {
          backend: 'slurm',
          projectDir,
          options,
          ...(once !== undefined && { once }),
          ...(name !== undefined && { name }),
        },
        waiting(),
      );
    const numpy = { packages: ['numpy'] };
    const [first, second] = await Promise.all([create({}, 'options'), create({}, 'options')]);
    expect(second).toEqual(first);
    const other = await create(numpy, 'options');
    expect(other.id).not.toBe(first.id);
    expect(other.ignoredOptions).toBeUndefined();
    // The newest that lives, however it was made.
    expect(await create({ packages: ['pandas'] }, 'project')).toEqual({
      ...other,
      ignoredOptions: ['packages'],
    });
    expect((await create({}, 'project', 'mine')).name).toBe('mine');
    expect((await create({})).id).not.toBe(first.id);
    expect(rig.servers()).toHaveLength(4);
  });

  test('S30, X109: a killed server is started anew as the next generation, an unreachable one is not', async () => {
    rig = await makeLocalRig();
    const sandboxes = service();
    const first = await sandboxes.ensureLocal(rig.projectDir, waiting());
    const pid = rig.servers()[0]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    await expect.poll(() => rig.servers()[0]?.state).toBe('stopped');
    const frozen = await sandboxes.ensureLocal(rig.projectDir, waiting(0));
    expect(frozen.status).toMatchObject({
      state: 'unreachable',
      detail: expect.stringContaining(`kill -CONT ${pid}`),
    });
    expect(rig.servers()).toHaveLength(1);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => rig.servers()).toEqual([]);
    const second = await sandboxes.ensureLocal(rig.projectDir, waiting());
    expect(second).toMatchObject({ id: first.id, status: { state: 'ready', generation: 2 } });
    expect(rig.servers()).toHaveLength(1);
  });
});

describe('stop, logs, pages and records', () => {
  test('stop ends it for every process, and stopping again is done', async () => {
    rig = await makeLocalRig();
    const sandboxes = service();
    const { id } = await sandboxes.ensureLocal(rig.projectDir, waiting());
    const stopped = await service().stop(id, never());
    expect(stopped.status).toMatchObject({ state: 'ended', end: { cause: 'stopped' } });
    expect(rig.servers()).toEqual([]);
    expect((await failureOf(sandboxes.endpointSource(id)())).code).toBe('sandbox/ended');
    expect((await sandboxes.stop(id, never())).status).toEqual(stopped.status);
    expect((await sandboxes.wait(id, waiting())).status.state).toBe('ended');
  });

  test('stop works while another process is starting it, and that one learns of it', async () => {
    rig = await makeLocalRig();
    const { pythonDir } = await slowPython();
    const program = otherProcess({ pythonDir });
    await expect.poll(() => rig.servers().length, { timeout: 20_000 }).toBe(1);
    const [view] = await service().list({}, never());
    await service().stop(view?.id ?? '', never());
    expect(rig.servers()).toEqual([]);
    expect(await told(program)).toMatchObject({ code: expect.any(String) });
    expect((await service().get(view?.id ?? '', never())).status).toMatchObject({
      state: 'ended',
      end: { cause: 'stopped' },
    });
  });

  test('bad options are refused before anything is on record', async () => {
    rig = await makeLocalRig();
    const request = {
      backend: 'local' as const,
      projectDir: rig.projectDir,
      options: { pyhton: 'x' },
    };
    expect(await failureOf(service().create(request, waiting()))).toMatchObject({
      code: 'config/invalid',
      message: expect.stringContaining('pyhton'),
    });
    await expect(readdir(rig.dir)).rejects.toThrow('ENOENT');
  });

  test('an unknown sandbox is an error that names those there are', async () => {
    rig = await makeLocalRig();
    const sandboxes = service();
    expect((await failureOf(sandboxes.get('nobody', never()))).hint).toContain('sandbox_create');
    const { id } = await sandboxes.ensureLocal(rig.projectDir, waiting());
    const failure = await failureOf(sandboxes.get('nobody', never()));
    expect(failure).toMatchObject({ code: 'sandbox/unknown', hint: expect.stringContaining(id) });
    expect((await failureOf(sandboxes.backend('cloud'))).code).toBe('backend/unknown');
  });

  test('the page that opens a notebook is private, and is the only thing that has the token', async () => {
    rig = await makeLocalRig();
    const sandboxes = service();
    const view = await sandboxes.ensureLocal(rig.projectDir, waiting());
    const opened = await sandboxes.waysIn.openPage(view.id, 'notebooks/a & b.ipynb', never());
    const { page } = opened;
    expect(opened.view).toBeUndefined();
    expect((await stat(page)).mode & 0o077).toBe(0);
    const html = await readFile(page, 'utf8');
    const href = /url=([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const token = new URL(href).searchParams.get('token') ?? expect.fail('no token');
    expect(new URL(href).pathname).toBe('/lab/tree/notebooks/a%20%26%20b.ipynb');
    expect((await fetch(new URL(`/api/status?token=${token}`, href))).status).toBe(200);
    expect((await fetch(href, { redirect: 'manual' })).status).toBeLessThan(400);
    expect(JSON.stringify([view, await sandboxes.list({}, never())])).not.toContain(token);
    await sandboxes.stop(view.id, never());
    await expect(stat(page)).rejects.toThrow('ENOENT');
  });

  test('after the loss of all records a running server is adopted, not doubled', async () => {
    rig = await makeLocalRig();
    const before = await service().ensureLocal(rig.projectDir, waiting());
    await rm(path.join(rig.dir, 'sandboxes', `${before.id}.json`));
    const [adopted] = await service().adopt(rig.projectDir, never());
    expect(adopted).toMatchObject({
      id: before.id,
      jupyterUrl: before.jupyterUrl,
      status: { state: 'ready', generation: 1 },
    });
    expect(await service().adopt(rig.projectDir, never())).toEqual([]);
    await rm(path.join(rig.dir, 'sandboxes', `${before.id}.json`));
    expect(await service().ensureLocal(rig.projectDir, waiting())).toMatchObject({
      id: before.id,
      jupyterUrl: before.jupyterUrl,
    });
    expect(rig.servers()).toHaveLength(1);
  });
});
