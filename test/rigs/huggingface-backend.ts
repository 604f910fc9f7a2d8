/** Hugging Face back ends on a fake Hub of their own, with a state folder and a project, whose processes are surely gone after the test. */
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { createHubJobs } from '#main/hub-jobs.ts';
import { huggingfaceSettings } from '#main/huggingface-settings.ts';
import { createWebServices } from '#main/web-services.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import type { Backend } from '#sandbox/backend.ts';
import { createHuggingfaceBackend } from '#sandbox/backends/huggingface/index.ts';
import type {
  HuggingfaceContext,
  HuggingfaceSettings,
} from '#sandbox/backends/huggingface/settings.ts';
import type { Layout } from '#sandbox/layout.ts';
import { addBuckets, type FakeBuckets } from '../fakes/hub/fake-buckets.ts';
import { addJobs, type FakeJobs } from '../fakes/hub/fake-jobs.ts';
import { startFakeService, type FakeService } from '../fakes/hub/fake-service.ts';
import { freePort } from './free-port.ts';
import { testPython } from './python.ts';
import { MARK } from './reaper.mjs';

export interface HuggingfaceRig {
  readonly hub: FakeService;
  readonly fake: FakeJobs;
  readonly buckets: FakeBuckets;
  /** Glovebox's folder. */
  readonly dir: string;
  readonly projectDir: string;
  /** The same project, with nothing that this machine remembers. */
  newMachine(): Promise<(context?: Partial<HuggingfaceContext>) => Backend>;
  newBackend(
    changes?: Partial<HuggingfaceSettings>,
    context?: Partial<HuggingfaceContext>,
  ): Backend;
  /** One whose Job dies at its start with some words in its log. */
  newFailingBackend(): Backend;
  dispose(): Promise<void>;
}

export const JOB_TOKEN = 'hf_goodTokenOfTheRig000000000000000';

/** For options: nothing is installed or kept, and the mark of the fake reaches kernels, so that all its processes are found. */
export const SMALL_JOB = {
  kernel_packages: 'minimal',
  cache_volume: false,
  outputs: null,
  env: { [MARK]: 'of the fake' },
};

const repository = path.resolve(import.meta.dirname, '../..');

export async function makeHuggingfaceRig(): Promise<HuggingfaceRig> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-jobs-')));
  const projectDir = path.join(folder, 'my project');
  const brokenPython = path.join(folder, 'broken');
  await mkdir(projectDir);
  await cp(path.join(repository, 'python'), brokenPython, { recursive: true });
  const words = 'raise SystemExit("the server is broken on purpose")\n';
  for (const name of ['job_entry.py', 'sandbox_entry.py', 'serve.py'])
    await writeFile(path.join(brokenPython, name), words);
  const hub = await startFakeService('hub');
  hub.on('GET', /\/api\/whoami-v2/, ({ headers }) =>
    headers.authorization === `Bearer ${JOB_TOKEN}`
      ? { json: { type: 'user', name: 'me', orgs: [{ name: 'org' }, { name: 'closed' }] } }
      : { status: 401, json: { error: 'Invalid username or password.' } },
  );
  const namespaces = ['me', 'org'];
  const buckets = addBuckets(hub, { token: JOB_TOKEN, namespaces });
  const fake = addJobs(hub, {
    token: JOB_TOKEN,
    namespaces,
    buckets,
    environment: {
      PATH: `${path.dirname(testPython())}${path.delimiter}${process.env['PATH'] ?? ''}`,
      LANG: 'C.UTF-8',
    },
  });
  const backendIn = async (dir: string) => {
    const env = {
      PATH: '',
      HOME: folder,
      GLOVEBOX_DIR: dir,
      GLOVEBOX_PROJECT_DIR: projectDir,
      HF_ENDPOINT: hub.url,
      HF_TOKEN: JOB_TOKEN,
    };
    const config = await loadConfig({ env, cwd: projectDir });
    return (
      changes: Partial<HuggingfaceSettings> = {},
      context: Partial<HuggingfaceContext> = {},
    ): Backend =>
      createHuggingfaceBackend({
        settings: () => ({
          ...huggingfaceSettings(config, env),
          pythonDir: path.join(repository, 'python'),
          ...changes,
        }),
        hub: createHubJobs(createWebServices(config, systemClock).hub, config),
        ssh: () => expect.fail('nobody asked for SSH'),
        layout: testLayout,
        limits: { answerMs: 1500, everyMs: 100, keepEveryS: 0.2 },
        clock: systemClock,
        log: silentLog,
        ...context,
      });
  };
  const dir = path.join(folder, 'state');
  const newBackend = await backendIn(dir);
  let machines = 0;
  return {
    hub,
    fake,
    buckets,
    dir,
    projectDir,
    async newMachine() {
      machines += 1;
      const make = await backendIn(path.join(folder, `state-${machines}`));
      return (context) => make({}, context);
    },
    newBackend,
    newFailingBackend: () => newBackend({ pythonDir: brokenPython }),
    async dispose() {
      await fake.close();
      buckets.close();
      await hub.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Below the folder that stands for the container, on a port of this machine that is free. */
async function testLayout(): Promise<Layout> {
  return {
    workspace: 'workspace',
    models: 'models',
    cache: 'cache',
    state: 'state',
    ip: '127.0.0.1',
    port: await freePort(),
  };
}

/** What a machine with these options costs, as the back end of the rig tells it. */
export const quoteOf = async (rig: HuggingfaceRig, options: object) => {
  const { signal } = new AbortController();
  const told = await rig.newBackend().quote?.(options, { projectDir: rig.projectDir, signal });
  if (told === undefined) throw new Error('it tells no price');
  return told;
};
