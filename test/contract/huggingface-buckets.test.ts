/** What cells fetch and what they write for keeps outlives their Job, on private buckets (H9). */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTakeHome } from '#shell/take-kept-home.ts';
import type { FakeJob } from '../fakes/hub/fake-job.ts';
import { makeHuggingfaceRig, SMALL_JOB, type HuggingfaceRig } from '../rigs/huggingface-backend.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { Caller, failureOf, never } from './contract-rig.ts';

let rig: HuggingfaceRig;
beforeEach(async () => {
  rig = await makeHuggingfaceRig();
});
afterEach(() => rig.dispose());

function callerWith(options: object = {}, id?: string): Caller {
  const rigOfCaller = {
    projectDir: rig.projectDir,
    options: { ...SMALL_JOB, ...options },
    countAtEngine: async () => rig.fake.alive().length,
  };
  return new Caller(rigOfCaller, id);
}

const only = (): FakeJob => rig.fake.alive()[0] ?? expect.fail('nothing runs');

test('36, H9, N8, H12: a server that nobody uses ends itself, and with it the Job; what cells wrote for keeps is on a private bucket by then, and comes home', async () => {
  const caller = callerWith({ cache_volume: true, outputs: 'results' });
  const limits = { idleS: 60, emptyServerS: 5, keepEveryS: 0.2 };
  const backend = rig.newBackend({}, { limits });
  await caller.startAndWait(backend);
  const own = `me/glovebox-${caller.id}`;
  expect(only().body.volumes).toEqual([
    { type: 'bucket', source: 'me/glovebox-cache', mountPath: 'cache', readOnly: false },
    { type: 'bucket', source: own, mountPath: 'state/kept', readOnly: false },
  ]);
  const folderOf = (id: string): string => rig.buckets.buckets.get(id)?.folder ?? '/nowhere';
  const kernel = await startRawKernel(await backend.endpoint(caller.handle(), never()), 'a.ipynb');
  const write = [
    'import os',
    'os.makedirs("results/deep ä", exist_ok=True)',
    'for text in "ab": open("results/deep ä/log.txt", "a").write(text)',
    'open("results/part.bin", "wb").write(b"\\0\\xff"); open("results/gone.txt", "w").write("x")',
    'os.symlink("/etc/passwd", "results/link")',
    'open(os.path.join(os.environ["HF_HOME"], "fetched"), "w").write("w")',
    'assert "HF_TOKEN_PATH" in os.environ and not os.environ["HF_TOKEN_PATH"].startswith(os.environ["HF_HOME"])',
  ];
  expect(await kernel.execute(write.join('\n'))).toBe('ok');
  const kept = (): string[] => readdirSync(folderOf(own), { recursive: true }).map(String);
  await expect.poll(kept, { timeout: 30_000 }).toContain('gone.txt');
  expect(await kernel.execute('os.unlink("results/gone.txt")')).toBe('ok');
  await kernel.leave();
  const ended = await caller.waitFor(rig.newBackend(), 'ended');
  expect(ended.end).toMatchObject({ cause: 'idle' });
  expect(rig.fake.newest().stage).toBe('COMPLETED');
  expect(kept().toSorted()).toEqual(['deep ä', 'deep ä/log.txt', 'part.bin']);
  expect(readdirSync(folderOf('me/glovebox-cache'))).toEqual(['fetched']);
  expect([...rig.buckets.buckets.values()].every(({ isPrivate }) => isPrivate)).toBe(true);

  const outputs = await rig.newBackend().kept?.(caller.handle(), never());
  if (outputs === undefined) return expect.fail('nothing is kept');
  const takeHome = createTakeHome({ projectDir: rig.projectDir });
  const sandbox = {
    id: caller.id,
    projectDir: rig.projectDir,
    options: { outputs: 'results' },
  };
  const request = { kept: outputs, sandbox, onlyMissing: false };
  expect(await takeHome(request, never())).toEqual({
    notes: [`brought home: results/${caller.id} (2 files, 4 B)`],
    fate: 'discard',
  });
  const home = path.join(rig.projectDir, 'results', caller.id);
  expect(readFileSync(path.join(home, 'deep ä/log.txt'), 'utf8')).toBe('ab');
  expect([...readFileSync(path.join(home, 'part.bin'))]).toEqual([0, 255]);
  await outputs.discard(never());
  await outputs.discard(never());
  expect(await rig.newBackend().kept?.(caller.handle(), never())).toBeUndefined();
  expect([...rig.buckets.buckets.keys()]).toEqual(['me/glovebox-cache']);
  expect(rig.hub.unexpected).toEqual([]);
  return undefined;
});

test('H9: a bucket that cannot be had is done without, unless somebody asked for it; a public one is never used, and an empty one not left behind', async () => {
  rig.fake.isStalled = true;
  const start = async (options: object, id: string): Promise<[string, string]> => {
    const caller = callerWith({ ...options, capacity_timeout_seconds: 1 }, id);
    const { code } = await failureOf(caller.start(rig.newBackend()));
    return [code, caller.reports.map(({ message }) => message).join('\n')];
  };
  expect((await start({ outputs: 'results' }, 'local-empty-000000000001'))[0]).toBe(
    'sandbox/no-capacity',
  );
  expect(rig.fake.newest().body.volumes).toHaveLength(1);
  expect([...rig.buckets.buckets.keys()]).toEqual([]);
  rig.buckets.mayMake = false;
  const given = { cache_volume: undefined, outputs: undefined };
  const [code, reports] = await start(given, 'local-closed-000000000001');
  expect(code).toBe('sandbox/no-capacity');
  expect(reports).toContain('there is no bucket me/glovebox-cache');
  expect(rig.fake.newest().body.volumes).toBeUndefined();
  const jobs = rig.fake.jobs.size;
  expect((await start({ cache_volume: true }, 'local-asked-000000000001'))[0]).toBe(
    'remote/forbidden',
  );
  rig.buckets.mayMake = true;
  rig.buckets.add('me/glovebox-cache', false);
  expect((await start({ cache_volume: true }, 'local-public-000000000001'))[0]).toBe(
    'remote/conflict',
  );
  expect(rig.fake.jobs.size).toBe(jobs);
});
