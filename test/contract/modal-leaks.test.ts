/** No failure, no cancellation and no death of a process on the way to a Modal sandbox leaves a machine behind. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import type { Admit } from '#sandbox/admission.ts';
import { BackendRegistry } from '#sandbox/registry.ts';
import { Sandboxes } from '#sandbox/sandboxes.ts';
import {
  isCertificateMissing,
  makeModalRig,
  MARKED,
  type ModalRig,
} from '../rigs/modal-backend.ts';
import { createModalWorld } from '../rigs/modal-world.ts';
import { runProgram } from '../rigs/program.ts';
import { ServerError, Status } from '../fakes/modal/fake-modal.mjs';
import { ask, Caller, codeOf, failureOf, never } from './contract-rig.ts';

const withoutCertificate = isCertificateMissing();

let rig: ModalRig;
afterEach(() => rig.dispose());

const GENERATIONS = [
  { kind: 'V2, without a GPU', options: {} },
  { kind: 'V1, with a GPU', options: { gpu: 'T4' } },
];

function callerWith(options: object, id?: string): Caller {
  const rigOfCaller = {
    projectDir: rig.projectDir,
    options: { ...MARKED, ...options },
    countAtEngine: async () => rig.fake.alive().length,
  };
  return new Caller(rigOfCaller, id);
}

/** The calls of a start that nothing disturbs, each once, in order. */
async function callsOfStart(options: object): Promise<readonly string[]> {
  rig = await makeModalRig();
  await callerWith(options).startAndWait(rig.newBackend());
  const methods = [...new Set(rig.fake.calls.map(({ method }) => method))];
  await rig.dispose();
  return methods;
}

/** Fails the first calls of a method: the SDK itself tries a call up to four times. */
function failFirst(count: number, wanted: string, error: () => Error) {
  let left = count;
  return (method: string): void => {
    if (method !== wanted || left === 0) return;
    left -= 1;
    throw error();
  };
}

const gone = (): Promise<void> =>
  expect.poll(() => rig.fake.alive().length, { timeout: 10_000 }).toBe(0);

describe.skipIf(withoutCertificate).each(GENERATIONS)('$kind', ({ options }) => {
  test('M13, M27, acceptance 22: a failure of any call of a start ends in an error and in nothing that runs', async () => {
    const methods = await callsOfStart(options);
    expect(methods).toEqual(expect.arrayContaining(['appGetOrCreate', 'imageGetOrCreate']));
    expect(methods.some((method) => method.startsWith('sandboxCreate'))).toBe(true);
    rig = await makeModalRig();
    for (const [at, method] of methods.entries()) {
      rig.fake.faults.before = failFirst(1, method, () => {
        return new ServerError(Status['PERMISSION_DENIED'], `no ${method} today`);
      });
      const caller = callerWith(options, `modal-fault-${String(at).padStart(6, '0')}`);
      // A new back end has a new client, which does not remember what it was told before.
      const backend = rig.newBackend();
      const outcome = await caller.start(backend).catch((error: unknown) => error);
      rig.fake.faults.before = () => undefined;
      if (outcome instanceof Error) {
        expect(codeOf(outcome), method).not.toMatch(/^internal|^foreign/);
        expect(outcome.message, method).toContain(`no ${method} today`);
        await gone();
        expect((await backend.state(caller.handle(), never())).state, method).toBe('ended');
      } else {
        await backend.stop(caller.handle(), never());
        await gone();
      }
    }
  });

  test('M13: a lost answer to any call of a start leaves nothing that runs', async () => {
    const methods = await callsOfStart(options);
    rig = await makeModalRig();
    for (const [at, method] of methods.entries()) {
      rig.fake.faults.after = failFirst(4, method, () => {
        return new ServerError(Status['UNAVAILABLE'], 'the connection broke');
      });
      const caller = callerWith(options, `modal-lost-${String(at).padStart(6, '0')}`);
      const backend = rig.newBackend();
      const outcome = await caller.start(backend).catch((error: unknown) => codeOf(error));
      rig.fake.faults.after = () => undefined;
      if (typeof outcome === 'string') expect(outcome, method).not.toMatch(/^internal|^foreign/);
      else await backend.stop(caller.handle(), never());
      await gone();
    }
  });

  test('M13, acceptance 22: given up at any call, a start ends as cancelled and leaves nothing that runs', async () => {
    const methods = await callsOfStart(options);
    rig = await makeModalRig();
    for (const [at, method] of methods.entries()) {
      const abort = new AbortController();
      rig.fake.faults.before = (now) => {
        if (now === method) abort.abort();
      };
      const caller = callerWith(options, `modal-abort-${String(at).padStart(6, '0')}`);
      const backend = rig.newBackend();
      const outcome = await caller
        .start(backend, abort.signal)
        .catch((error: unknown) => codeOf(error));
      rig.fake.faults.before = () => undefined;
      // Only what was handed over in that moment is there, and it is on record.
      if (typeof outcome === 'string') expect(outcome, method).toBe('cancelled');
      else await backend.stop(caller.handle(), never());
      expect(rig.fake.alive().length, method).toBe(0);
    }
  });

  test('M13: a machine that cannot be ended at once is ended later, and until then nobody says that it is gone', async () => {
    rig = await makeModalRig();
    let refusals = 0;
    rig.fake.faults.before = (method) => {
      if (!method.startsWith('sandboxTerminate') || refusals >= 2) return;
      refusals += 1;
      throw new ServerError(Status['PERMISSION_DENIED'], 'not now');
    };
    rig.fake.faults.tunnels = () => false;
    const short = { ...options, start_timeout_seconds: 10, cache_volume: false };
    const slow = callerWith(short, 'modal-slow-000001');
    const failure = await failureOf(slow.start(rig.newBackend()));
    expect(failure.code).toBe('sandbox/start-failed');
    expect(refusals).toBe(2);
    expect(rig.fake.alive()).toEqual([]);
  });

  test('M13: a machine whose end cannot be seen is said to run, with its id and price, and is ended by whoever looks later', async () => {
    rig = await makeModalRig();
    rig.fake.faults.before = (method) => {
      if (method.startsWith('sandboxTerminate'))
        throw new ServerError(Status['PERMISSION_DENIED'], 'not now');
    };
    rig.fake.faults.tunnels = () => false;
    const caller = callerWith({ ...options, start_timeout_seconds: 10, cache_volume: false });
    const backend = rig.newBackend({}, { limits: { endMs: 500 } });
    const failure = await failureOf(caller.start(backend));
    const [left] = rig.fake.alive();
    expect(failure.code).toBe('sandbox/stop-failed');
    expect(failure.message).toMatch(
      new RegExp(`${left?.id} could not be seen to end and may cost \\$\\d.*did not answer`, 's'),
    );
    expect(await rig.newBackend().state(caller.handle(), never())).toMatchObject({
      state: expect.stringMatching(/stopping|unknown/),
    });
    rig.fake.faults.before = () => undefined;
    await caller.waitFor(rig.newBackend(), 'ended');
    expect(rig.fake.alive()).toEqual([]);
  });

  test('M5, M13, acceptance 23: what a dead process had asked for is found by its tag: the next start goes on with it', async () => {
    rig = await makeModalRig();
    let asked: (() => void) | undefined;
    const created = new Promise<void>((resolve) => {
      asked = resolve;
    });
    rig.fake.faults.after = async (method) => {
      if (!method.startsWith('sandboxCreate')) return;
      asked?.();
      // The answer never arrives.
      await new Promise((resolve) => setTimeout(resolve, 30_000).unref());
    };
    const caller = callerWith(options);
    const { id, projectDir } = { id: caller.id, projectDir: rig.projectDir };
    const program = runProgram(`
      import { createModalBackend } from '#sandbox/backends/modal/index.ts';
      import { systemClock } from '#platform/clock.ts';
      import { silentLog } from '#platform/log.ts';
      const layout = ${JSON.stringify(await rig.layout())};
      const backend = createModalBackend({
        settings: () => (${JSON.stringify(rig.settings())}), layout: async () => layout, clock: systemClock, log: silentLog,
      });
      const context = { id: ${JSON.stringify(id)}, projectDir: ${JSON.stringify(projectDir)}, signal: new AbortController().signal,
        report: () => undefined, remember: async () => undefined };
      backend.start(${JSON.stringify({ ...MARKED, ...options })}, context).then(console.log, console.log);
    `);
    await created;
    program.process.kill('SIGKILL');
    await program.ended;
    rig.fake.faults.after = () => undefined;
    expect(rig.fake.alive()).toHaveLength(1);
    const backend = rig.newBackend();
    expect(await caller.startAndWait(backend)).toMatchObject({ state: 'ready', generation: 1 });
    expect(rig.fake.alive()).toHaveLength(1);
    const endpoint = await backend.endpoint(caller.handle(), never());
    expect((await ask(endpoint, 'GET', 'api/status')).status).toBe(200);
  });

  test('M5, acceptance 23: stopping what a dead process had asked for ends it', async () => {
    rig = await makeModalRig();
    const caller = callerWith(options);
    await caller.startAndWait(rig.newBackend());
    await rig.newBackend().stop({ ...caller.handle(), data: {} }, never());
    expect(rig.fake.alive()).toEqual([]);
  });
});

describe.skipIf(withoutCertificate)('on record', () => {
  test('M13: what could not be ended stays on the list until it is seen to be gone', async () => {
    rig = await makeModalRig();
    rig.fake.faults.before = (method) => {
      if (method.startsWith('sandboxTerminate'))
        throw new ServerError(Status['PERMISSION_DENIED'], 'not now');
    };
    rig.fake.faults.tunnels = () => false;
    const backend = rig.newBackend({}, { limits: { endMs: 500 } });
    const sandboxes = new Sandboxes({
      registry: new BackendRegistry({ modal: async () => backend }),
      dir: rig.dir,
      clock: systemClock,
      log: silentLog,
      defaultBackend: () => 'modal',
    });
    const request = {
      backend: 'modal' as const,
      projectDir: rig.projectDir,
      options: { ...MARKED, start_timeout_seconds: 10, cache_volume: false },
      admit: async () => ({ attach: async () => {}, release: async () => {} }),
    };
    const wait = { waitMs: 50_000, signal: never(), report: () => undefined };
    expect((await failureOf(sandboxes.create(request, wait))).code).toBe('sandbox/stop-failed');
    const states = async () =>
      (await sandboxes.list({}, never())).map(({ status }) => status.state);
    expect(await states()).toEqual([expect.stringMatching(/stopping|unknown/)]);
    expect(rig.fake.alive()).toHaveLength(1);
    rig.fake.faults.before = () => undefined;
    await expect.poll(states, { timeout: 20_000 }).toEqual([]);
    expect(rig.fake.alive()).toEqual([]);
  });
});

describe.skipIf(withoutCertificate)('waiting for a GPU', () => {
  test('5.2: the next GPU of the list is tried when none is free, and nothing stays in the queue', async () => {
    rig = await makeModalRig();
    const gpus: unknown[] = [];
    rig.fake.faults.before = (method, request) => {
      if (method !== 'sandboxCreate') return;
      const text = JSON.stringify(request);
      gpus.push(/"gpuType":"([^"]+)"/.exec(text)?.[1]);
      if (text.includes('H100')) throw new ServerError(Status['RESOURCE_EXHAUSTED'], 'no capacity');
    };
    const caller = callerWith({ gpu: ['H100', 'A100-80GB'], max_cost_usd: 10 });
    expect(await caller.startAndWait(rig.newBackend())).toMatchObject({ state: 'ready' });
    expect(gpus.slice(-1)).toEqual(['A100-80GB']);
    expect(caller.reports.map(({ message }) => message)).toContain(
      'no H100 is free; trying A100-80GB',
    );
  });

  test('M5: a wait in the queue that is given up takes its place in the queue with it', async () => {
    rig = await makeModalRig({ queueMs: () => 60_000 });
    const abort = new AbortController();
    const caller = callerWith({ gpu: 'T4' });
    const starting = failureOf(caller.start(rig.newBackend(), abort.signal));
    await expect.poll(() => rig.fake.alive().length).toBe(1);
    // Its id is known long before there is a machine.
    await expect
      .poll(() => caller.reports.at(-1)?.message)
      .toBe(`waiting for T4 (${rig.fake.alive()[0]?.id})`);
    expect((await rig.newBackend().state(caller.handle(), never())).state).toBeOneOf([
      'queued',
      'starting',
    ]);
    abort.abort();
    expect((await starting).code).toBe('cancelled');
    await gone();
  });
});

describe.skipIf(withoutCertificate)('a replacement', () => {
  test('M17: another one takes its place, with its files and its notebook; until that is ready nothing of the old one is lost', async () => {
    rig = await makeModalRig();
    const world = createModalWorld(rig);
    const wait = { waitMs: 60_000, signal: never(), report: () => undefined };
    const admitted: string[] = [];
    const admit: Admit = async ({ id, options }) => {
      admitted.push(`${id} ${'from_snapshot' in options}`);
      return { attach: async () => undefined, release: async () => void admitted.push('released') };
    };
    try {
      const request = { backend: 'modal' as const, projectDir: rig.projectDir, admit };
      writeFileSync(path.join(rig.projectDir, 'given.txt'), 'as it was');
      const files = [{ from: 'given.txt', to: 'given.txt' }];
      const options = { ...MARKED, files, gpu: 'T4' };
      const old = await world.sandboxes.create({ ...request, name: 'probe', options }, wait);
      const place = { folder: path.join(rig.projectDir, 'notebooks'), name: 'probe' };
      const session = await world.sessions.startNew(
        place,
        { sandboxId: old.id, kernelName: undefined },
        wait,
      );
      const inside = 'import os; os.chdir(os.path.dirname(os.environ["GLOVEBOX_LIB"]));';
      const code = `${inside} open("kept.txt", "w").write("kept"); open("given.txt", "w").write("changed"); x = 1`;
      await (await session.execute({ code })).wait(wait);

      // A failed start: the new one is gone, the old one and its kernel are there.
      rig.fake.faults.before = (method) => {
        if (method === 'sandboxCreate')
          throw new ServerError(Status['RESOURCE_EXHAUSTED'], 'no T4 today');
      };
      const plan = await world.replacements.plan({ sandboxId: old.id }, never());
      expect(plan).toMatchObject({ files: 'snapshot', options: { files: [], gpu: 'T4' } });
      expect(plan.quote?.ceilingUsd).toBeGreaterThan(0.5);
      const failure = await failureOf(world.replacements.replace(plan, { admit }, wait));
      expect(failure.message).toContain(`Sandbox ${old.id} stays`);
      expect(rig.fake.alive()).toHaveLength(1);
      rig.fake.faults.before = () => undefined;
      const stillThere = await world.sessions.get(session.id);
      expect(stillThere.view().state).toBe('idle');

      const again = await world.replacements.plan({ sandboxId: old.id }, never());
      expect(again.id).toBe(plan.id);
      const replaced = await world.replacements.replace(again, { admit }, wait);
      expect(replaced.sandbox).toMatchObject({ id: plan.id, name: 'probe' });
      // What a person is asked about, and agrees to, is the same at each try.
      expect(admitted.filter((one) => one.startsWith(plan.id))).toEqual([
        `${plan.id} false`,
        `${plan.id} false`,
      ]);
      expect(rig.fake.alive()).toHaveLength(1);
      expect((await world.sandboxes.get(old.id, never())).status.state).toBe('ended');
      const there = (name: string): string =>
        readFileSync(path.join(rig.fake.alive()[0]?.root ?? '', 'workspace', name), 'utf8');
      expect([there('kept.txt'), there('given.txt')]).toEqual(['kept', 'changed']);
      const [moved] = replaced.sessions;
      expect(moved).toMatchObject({ before: session.id, notebookPath: session.notebook.path });
      const next = await world.sessions.get(moved?.id ?? '');
      const run = await next.execute({
        code: `${inside} ("x" in globals(), open("kept.txt").read())`,
      });
      await run.wait(wait);
      expect(JSON.stringify(run.view().outputs)).toContain("(False, 'kept')");
      expect(readFileSync(session.notebook.path, 'utf8')).toContain('kept.txt');
      await expect(world.sessions.get(session.id)).rejects.toThrow(/replaced by/);
    } finally {
      await world.close();
    }
  });
});
