/** The suite that every back end passes: each sentence of `src/sandbox/backend.ts` is a test. Runs unchanged on local, SLURM, Modal and Hugging Face. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Endpoint } from '#core/endpoint.ts';
import { createKernelChannel } from '#jupyter/channel.ts';
import type { ExecuteReply, KernelMessage } from '#jupyter/contract.ts';
import { createJupyterServer } from '#jupyter/rest.ts';
import { systemClock } from '#platform/clock.ts';
import { BACKEND_IDS, type SandboxStatus } from '#sandbox/backend.ts';
import { textOf } from '../rigs/jupyter-lab.ts';
import { ask, Caller, codeOf, failureOf, listing, never, type BackendRig } from './contract-rig.ts';

const isReady = (status: SandboxStatus): boolean => status.state === 'ready';

interface Ran {
  readonly reply: ExecuteReply;
  readonly text: string;
}

async function runCells(
  endpoint: Endpoint,
  kernelId: string,
  cells: readonly string[],
): Promise<readonly Ran[]> {
  const server = createJupyterServer({ endpoint: () => Promise.resolve(endpoint) });
  const connectionId = randomUUID();
  const channel = createKernelChannel({
    server,
    kernelId,
    connectionId,
    clock: systemClock,
    onEvent: () => undefined,
  });
  await channel.connect();
  await channel.ready(50_000);
  const ran: Ran[] = [];
  for (const code of cells) {
    const messages: KernelMessage[] = [];
    const request = { msgId: randomUUID(), code };
    const execution = channel.execute(request, { onMessage: (message) => messages.push(message) });
    // oxlint-disable-next-line no-await-in-loop
    ran.push({ reply: await execution.finished, text: textOf(messages) });
  }
  await channel.close();
  return ran;
}

export function describeBackendContract(name: string, makeRig: () => Promise<BackendRig>): void {
  describe(`back end ${name}`, () => {
    describe('before anything is started', () => {
      let rig: BackendRig;
      beforeAll(async () => {
        rig = await makeRig();
      });
      afterAll(() => rig.dispose());

      test('constructing one does no I/O and says what it is', async () => {
        const before = await listing(rig.stateDir);
        const backend = rig.newBackend();
        expect(BACKEND_IDS).toContain(backend.id);
        expect(backend.summary).toMatch(/^\S[^\n]{5,120}$/);
        expect(typeof backend.sharesHost).toBe('boolean');
        expect(await listing(rig.stateDir)).toEqual(before);
      });

      test('every option is described', () => {
        const { shape } = rig.newBackend().optionsSchema;
        for (const [option, schema] of Object.entries(shape)) {
          const description: unknown = Reflect.get(schema, 'description');
          expect(description, `option ${option}`).toMatch(/\w{3}/);
        }
      });

      test('options it does not know are refused before anything is made, naming those it knows', async () => {
        const backend = rig.newBackend();
        const caller = new Caller(rig);
        const failure = await failureOf(backend.start({ no_such_option: 1 }, caller.context()));
        expect(failure.code).toBe('config/invalid');
        expect(failure.message).toContain('no_such_option');
        for (const option of Object.keys(backend.optionsSchema.shape))
          expect(failure.hint).toContain(option);
        expect(caller.data).toEqual({});
        expect(await rig.countAtEngine()).toBe(0);
      });

      test('offers at least one kind of hardware, and an unknown price is absent, not zero', async () => {
        const offers = await rig.newBackend().offers(never());
        expect(offers.length).toBeGreaterThan(0);
        for (const offer of offers) {
          expect(offer.name).not.toBe('');
          expect(offer.description).not.toBe('');
          if (offer.usdPerHour === undefined) continue;
          expect(offer.usdPerHour).toBeGreaterThanOrEqual(0);
          expect(offer.priceSource).toBeTruthy();
        }
      });

      test('one that never came to be has ended, has no endpoint and no log, and stopping it is done', async () => {
        const backend = rig.newBackend();
        const handle = { ...new Caller(rig).handle(), id: 'local-never-000000000000' };
        expect(await backend.state(handle, never())).toMatchObject({
          id: handle.id,
          state: 'ended',
        });
        expect(await failureOf(backend.endpoint(handle, never()))).toMatchObject({
          code: 'sandbox/ended',
        });
        expect(await backend.logs(handle, 10, never())).toEqual([]);
        await backend.stop(handle, never());
        await backend.stop(handle, never());
      });

      test('every method gives up with `cancelled` when its signal has fired', async () => {
        const backend = rig.newBackend();
        const caller = new Caller(rig);
        const gone = AbortSignal.abort();
        const calls = [
          backend.offers(gone),
          backend.start(rig.options, caller.context(gone)),
          backend.state(caller.handle(), gone),
          backend.endpoint(caller.handle(), gone),
          backend.logs(caller.handle(), 10, gone),
          backend.stop(caller.handle(), gone),
          ...(backend.discover === undefined ? [] : [backend.discover(rig.projectDir, gone)]),
        ];
        const codes = await Promise.all(calls.map(async (call) => (await failureOf(call)).code));
        expect(codes).toEqual(calls.map(() => 'cancelled'));
        expect(await rig.countAtEngine()).toBe(0);
      });
    });

    describe('one that is ready', () => {
      let rig: BackendRig;
      let caller: Caller;
      let started: SandboxStatus;
      beforeAll(async () => {
        rig = await makeRig();
        caller = new Caller(rig);
        started = await caller.startAndWait(rig.newBackend());
      });
      afterAll(() => rig.dispose());

      test('its state says so, and nothing about an end', async () => {
        expect(started).toMatchObject({ id: caller.id, state: 'ready', generation: 1 });
        const status = await rig.newBackend().state(caller.handle(), never());
        expect(status).toMatchObject({ id: caller.id, state: 'ready', generation: 1 });
        expect(status.end).toBeUndefined();
        if (status.deadlineMs !== undefined) expect(status.deadlineMs).toBeGreaterThan(Date.now());
      });

      test('what finds it again was on record before the engine had anything', () => {
        expect(caller.aliveAtFirstRemember).toBe(0);
      });

      test('progress is short and for people', () => {
        expect(caller.reports.length).toBeGreaterThan(0);
        for (const { message } of caller.reports) expect(message).toMatch(/^[^\n]{3,200}$/);
      });

      test('its endpoint is a bare address, accepts its own headers and refuses others', async () => {
        const endpoint = await rig.newBackend().endpoint(caller.handle(), never());
        const url = new URL(endpoint.baseUrl);
        expect(url.pathname).toMatch(/\/$/);
        expect([url.username, url.password, url.search, url.hash]).toEqual(['', '', '', '']);
        expect(await ask(endpoint, 'GET', 'api/status')).toMatchObject({ status: 200 });
        const stranger = { ...endpoint, headers: {} };
        expect((await ask(stranger, 'GET', 'api/status')).status).toBeOneOf([401, 403]);
        const wrong = { ...endpoint, headers: { Authorization: 'token 0000' } };
        expect((await ask(wrong, 'GET', 'api/status')).status).toBeOneOf([401, 403]);
      });

      test('it offers a Python kernel, and runs one, in which exit() ends the cell and nothing else', async () => {
        const endpoint = await rig.newBackend().endpoint(caller.handle(), never());
        const specs = await ask(endpoint, 'GET', 'api/kernelspecs');
        expect(specs.json).toMatchObject({
          kernelspecs: { python3: { spec: { language: 'python' } } },
        });
        const kernel = await ask(endpoint, 'POST', 'api/kernels', { name: 'python3' });
        expect(kernel.status).toBe(201);
        const id = String(Reflect.get(Object(kernel.json), 'id'));
        expect(await ask(endpoint, 'GET', `api/kernels/${id}`)).toMatchObject({ status: 200 });
        const [left, after] = await runCells(endpoint, id, ['x = 42; exit(); x = 0', 'print(x)']);
        expect(left?.reply).toMatchObject({ status: 'error', error: { name: 'Exit' } });
        expect(after?.text).toBe('42\n');
        expect((await ask(endpoint, 'DELETE', `api/kernels/${id}`)).status).toBe(204);
      });

      test('its secret is in no status, record, progress or log', async () => {
        const backend = rig.newBackend();
        const { headers } = await backend.endpoint(caller.handle(), never());
        const secrets = Object.values(headers)
          .flatMap((value) => value.split(' '))
          .filter((word) => word.length >= 16);
        expect(secrets.length).toBeGreaterThan(0);
        const seen = JSON.stringify([
          caller.data,
          caller.reports,
          await backend.state(caller.handle(), never()),
          await backend.logs(caller.handle(), 10_000, never()),
        ]);
        for (const secret of secrets) expect(seen).not.toContain(secret);
      });

      test('its log is told line by line, the last ones, oldest first', async () => {
        const backend = rig.newBackend();
        const all = await backend.logs(caller.handle(), 10_000, never());
        expect(all.length).toBeGreaterThan(1);
        expect(all.join('\n')).not.toMatch(/\n\n$/);
        expect(await backend.logs(caller.handle(), 1, never())).toEqual(all.slice(-1));
      });

      test('starting it again, as after a crash, finds it and makes no second', async () => {
        const again = new Caller(rig);
        expect(await again.startAndWait(rig.newBackend())).toMatchObject({
          state: 'ready',
          generation: 1,
        });
        expect(await rig.countAtEngine()).toBe(1);
        const first = await rig.newBackend().endpoint(caller.handle(), never());
        expect(await rig.newBackend().endpoint(again.handle(), never())).toEqual(first);
      });

      test('it is found without a record, where the back end can look', async () => {
        const backend = rig.newBackend();
        if (backend.discover === undefined) return;
        const found = await backend.discover(rig.projectDir, never());
        expect(found.map((handle) => handle.id)).toEqual([caller.id]);
        for (const handle of found) {
          expect(isReady(await backend.state(handle, never()))).toBe(true);
          const endpoint = await backend.endpoint(handle, never());
          expect(await ask(endpoint, 'GET', 'api/status')).toMatchObject({ status: 200 });
        }
        expect(await backend.discover(`${rig.projectDir}-other`, never())).toEqual([]);
      });
    });

    describe('in its life', () => {
      let rig: BackendRig;
      afterEach(() => rig.dispose());

      test('C3: an unreachable one is never said to have ended, and is not replaced', async () => {
        rig = await makeRig();
        const backend = rig.newBackend();
        const caller = new Caller(rig);
        await caller.startAndWait(backend);
        const undo = await rig.makeUnreachable(caller.handle());
        await caller.waitFor(backend, 'unreachable', 'suspended');
        expect((await caller.start(rig.newBackend())).state).toBeOneOf([
          'unreachable',
          'suspended',
          'unknown',
        ]);
        expect(await rig.countAtEngine()).toBe(1);
        await undo();
        expect(await caller.waitFor(backend, 'ready')).toMatchObject({ generation: 1 });
      });

      test('one that was killed has ended for good, says why, and can be started anew', async () => {
        rig = await makeRig();
        const backend = rig.newBackend();
        const caller = new Caller(rig);
        await caller.startAndWait(backend);
        await rig.killBehindOurBack(caller.handle());
        const ended = await caller.waitFor(backend, 'ended');
        expect(ended.end?.message).toMatch(/\w+ \w+/);
        expect(await rig.newBackend().state(caller.handle(), never())).toEqual(ended);
        expect(await failureOf(backend.endpoint(caller.handle(), never()))).toMatchObject({
          code: 'sandbox/ended',
        });
        await backend.stop(caller.handle(), never());
        expect(await caller.startAndWait(rig.newBackend())).toMatchObject({
          state: 'ready',
          generation: 2,
        });
        expect(await rig.countAtEngine()).toBe(1);
      });

      test('stopping ends it whoever asks, and once more is done', async () => {
        rig = await makeRig();
        const caller = new Caller(rig);
        await caller.startAndWait(rig.newBackend());
        await rig.newBackend().stop(caller.handle(), never());
        expect(await rig.countAtEngine()).toBe(0);
        const backend = rig.newBackend();
        expect(await backend.state(caller.handle(), never())).toMatchObject({
          state: 'ended',
          end: { cause: 'stopped' },
        });
        expect(await failureOf(backend.endpoint(caller.handle(), never()))).toMatchObject({
          code: 'sandbox/ended',
        });
        await backend.stop(caller.handle(), never());
        expect((await backend.discover?.(rig.projectDir, never())) ?? []).toEqual([]);
      });

      test('several starts of the same one at once make one, the first time and after an end', async () => {
        rig = await makeRig();
        for (const generation of [1, 2]) {
          const callers = [new Caller(rig), new Caller(rig), new Caller(rig)];
          const states = await Promise.all(
            callers.map((caller) => caller.startAndWait(rig.newBackend())),
          );
          expect(states).toEqual(
            callers.map(() => expect.objectContaining({ state: 'ready', generation })),
          );
          expect(await rig.countAtEngine()).toBe(1);
          const [first] = callers;
          if (first !== undefined) await rig.newBackend().stop(first.handle(), never());
        }
      });

      test('two sandboxes at once are strangers to each other', async () => {
        rig = await makeRig();
        const backend = rig.newBackend();
        const one = new Caller(rig, 'local-one-000000000001');
        const two = new Caller(rig, 'local-two-000000000002');
        await Promise.all([one.startAndWait(backend), two.startAndWait(backend)]);
        expect(await rig.countAtEngine()).toBe(2);
        const [first, second] = await Promise.all(
          [one, two].map((caller) => backend.endpoint(caller.handle(), never())),
        );
        if (first === undefined || second === undefined) return expect.fail('no endpoints');
        expect(first.baseUrl).not.toBe(second.baseUrl);
        const crossed = { baseUrl: first.baseUrl, headers: second.headers };
        expect((await ask(crossed, 'GET', 'api/status')).status).toBeOneOf([401, 403]);
        await backend.stop(one.handle(), never());
        expect(isReady(await backend.state(two.handle(), never()))).toBe(true);
        return undefined;
      });

      test('a start that is given up at any step leaves nothing that cannot be found, and another one completes it', async () => {
        rig = await makeRig();
        const gaveUp: string[] = [];
        for (let step = 1; step <= 12; step += 1) {
          const abort = new AbortController();
          const caller = new Caller(rig, `local-step-${String(step).padStart(12, '0')}`);
          caller.onStep = (now) => {
            if (now === step) abort.abort();
          };
          const outcome = await caller
            .start(rig.newBackend(), abort.signal)
            .catch((error: unknown) => codeOf(error));
          if (!abort.signal.aborted) break;
          gaveUp.push(typeof outcome === 'string' ? outcome : outcome.state);
          expect((await rig.newBackend().state(caller.handle(), never())).state).not.toBe(
            'unknown',
          );
          // Stopped by what is on record, or completed by another process; there is never a second.
          const before = await rig.countAtEngine();
          if (step % 2 === 0) {
            await caller.startAndWait(rig.newBackend());
            expect(await rig.countAtEngine()).toBe(Math.max(before, 1));
          }
          await rig.newBackend().stop(caller.handle(), never());
          expect(await rig.countAtEngine()).toBe(0);
        }
        expect(gaveUp[0]).toBe('cancelled');
      });

      test('stopping one that somebody is just starting leaves nothing, at whatever step that is', async () => {
        rig = await makeRig();
        for (let step = 1; step <= 4; step += 1) {
          const caller = new Caller(rig, `local-stop-${String(step).padStart(12, '0')}`);
          const stopped: Promise<void>[] = [];
          caller.onStep = (now) => {
            if (now === step) stopped.push(rig.newBackend().stop(caller.handle(), never()));
          };
          const outcome = await caller
            .start(rig.newBackend())
            .catch((error: unknown) => codeOf(error));
          await Promise.all(stopped);
          if (stopped.length === 0) break;
          if (typeof outcome === 'string') expect(outcome).not.toMatch(/^internal|^foreign/);
          await caller.waitFor(rig.newBackend(), 'ended');
          expect(await rig.countAtEngine()).toBe(0);
        }
      });

      test('a start that fails for certain says why, leaves nothing, and the next one may succeed', async () => {
        rig = await makeRig();
        const caller = new Caller(rig);
        const outcome = await caller.start(rig.newFailingBackend()).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (outcome !== undefined) expect(codeOf(outcome)).not.toBeOneOf(['internal', 'cancelled']);
        const status = await caller.waitFor(rig.newBackend(), 'ended');
        expect(status.end).toMatchObject({
          cause: 'start-failed',
          message: expect.stringMatching(/\w/),
        });
        expect(Array.isArray(status.end?.logTail)).toBe(true);
        expect(status.end?.logTail?.length).toBeLessThanOrEqual(40);
        expect(await rig.countAtEngine()).toBe(0);
        expect(await caller.startAndWait(rig.newBackend())).toMatchObject({ state: 'ready' });
      });
    });
  });
}
