/** Asks a real account of the Hugging Face Hub what the fake can only assume: `docs/hf-jobs.md` says what. Costs cents, and ends what it starts. */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readEnvironment, type Environment } from '#config/environment.ts';
import { loadConfig } from '#config/load.ts';
import { cancelJob } from '#hub/jobs/cancel-job.ts';
import { createJob } from '#hub/jobs/create-job.ts';
import { REQUEST_LABEL } from '#hub/jobs/if-unanswered.ts';
import { listHardware } from '#hub/jobs/hardware.ts';
import { isFinal, type JobRequest } from '#hub/jobs/job.ts';
import { listJobs } from '#hub/jobs/list-jobs.ts';
import {
  createScheduledJob,
  deleteScheduledJob,
  getScheduledJob,
  setScheduledJob,
} from '#hub/jobs/scheduled-jobs.ts';
import { untilFinal } from '#hub/jobs/until-final.ts';
import { watchJob } from '#hub/jobs/watch-job.ts';
import { createHubJobs } from '#main/hub-jobs.ts';
import { huggingfaceSettings } from '#main/huggingface-settings.ts';
import { sshSettings } from '#main/ssh-settings.ts';
import { createWebServices } from '#main/web-services.ts';
import { systemClock } from '#platform/clock.ts';
import { httpRequest } from '#platform/http.ts';
import { silentLog } from '#platform/log.ts';
import type { SandboxHandle } from '#sandbox/backend.ts';
import { createHuggingfaceBackend } from '#sandbox/backends/huggingface/index.ts';

const NEVER = new AbortController().signal;
/** Nothing that is started here can cost more than minutes of the smallest machine. */
const LIMIT_S = 300;
const WAIT_MS = 240_000;

/** @returns whether everything was as expected. */
export async function runJobs(): Promise<boolean> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-live-')));
  const projectDir = path.join(folder, 'project');
  await mkdir(projectDir);
  const env: Environment = { ...readEnvironment(), GLOVEBOX_DIR: path.join(folder, 'state') };
  const config = await loadConfig({ env, cwd: projectDir });
  const { hub } = createWebServices(config, systemClock);
  const jobs = createHubJobs(hub, config);
  const { name: account } = await jobs.account(NEVER);
  const namespace = config.get('jobs.namespace') ?? account;
  const mark = `live-${Date.now()}`;
  let isGood = true;
  const say = (isRight: boolean, what: string, detail = ''): void => {
    isGood &&= isRight;
    console.log(`${isRight ? 'ok    ' : 'NOT OK'}  ${what}${detail === '' ? '' : `: ${detail}`}`);
  };
  const request = (script: string): JobRequest => ({
    command: ['sh', '-c', script],
    arguments: [],
    environment: { GREETING: 'naïve "quotes"' },
    flavor: 'cpu-basic',
    dockerImage: 'python:3.12',
    timeoutSeconds: LIMIT_S,
    labels: { 'glovebox-live': mark, [REQUEST_LABEL]: `${mark}-${script.length}` },
  });
  const ref = (id: string) => ({ namespace, id });
  try {
    const hardware = await listHardware(hub, NEVER);
    const priced = hardware.flavors.filter(({ microUsdPerMinute: price }) => price !== undefined);
    say(
      hardware.source === 'live' && priced.length === hardware.flavors.length,
      'hardware with prices per minute',
      hardware.flavors.map(({ name }) => name).join(' '),
    );

    const good = await createJob(
      hub,
      namespace,
      request('for n in 1 2 3; do echo "line $n $GREETING"; sleep 2; done'),
      NEVER,
    );
    const lines: string[] = [];
    const onLine = ({ text, timestamp }: { text: string; timestamp: string }): void =>
      void lines.push(`${timestamp} ${text}`);
    const watched = await watchJob(hub, ref(good.id), { waitMs: WAIT_MS, onLine }, NEVER);
    say(watched.job.status.stage === 'COMPLETED', 'a Job completes', watched.job.status.stage);
    say(lines.length === 3 && new Set(lines).size === 3, 'its log comes once', lines.join(' | '));
    say(watched.job.durations?.runningSecs !== undefined, 'it says how long it ran');

    const bad = await createJob(hub, namespace, request('echo the cause; exit 3'), NEVER);
    const failed = await watchJob(hub, ref(bad.id), { waitMs: WAIT_MS, onLine }, NEVER);
    const { stage, message } = failed.job.status;
    say(stage === 'ERROR', 'a Job that fails is told as ERROR', `${stage}: ${message}`);

    const long = await createJob(hub, namespace, request('sleep 250'), NEVER);
    const listed = await listJobs(
      hub,
      namespace,
      { labels: { 'glovebox-live': mark }, limit: 10 },
      NEVER,
    );
    say(listed.length === 3, 'a list is filtered by a label', `${listed.length} of 3`);
    await cancelJob(hub, ref(long.id), NEVER);
    const ended = await untilFinal(hub, ref(long.id), 60_000, NEVER);
    say(ended.status.stage === 'CANCELED', 'a Job is cancelled', ended.status.stage);

    const made = await createScheduledJob(
      hub,
      namespace,
      { jobSpec: request('true'), schedule: '@yearly', suspend: true },
      NEVER,
    );
    await setScheduledJob(hub, ref(made.id), 'resume', NEVER);
    const resumed = await getScheduledJob(hub, ref(made.id), NEVER);
    await deleteScheduledJob(hub, ref(made.id), NEVER);
    say(resumed.suspend === false, 'a schedule is made, resumed, deleted', resumed.schedule);

    const backend = createHuggingfaceBackend({
      settings: () => huggingfaceSettings(config, env),
      hub: jobs,
      ssh: (destination) => sshSettings(config, env, destination),
      clock: systemClock,
      log: silentLog,
    });
    const id = `huggingface-${mark}`;
    let data = {};
    const handle = (): SandboxHandle => ({ id, projectDir, generation: 1, data });
    try {
      const status = await backend.start(
        {
          kernel_packages: 'minimal',
          max_lifetime_seconds: LIMIT_S,
          idle_timeout_seconds: 120,
          labels: { 'live-check': mark },
        },
        {
          id,
          projectDir,
          signal: NEVER,
          report: ({ message: step }) => console.log(`        ${step}`),
          remember: async (more) => void (data = { ...data, ...more }),
        },
      );
      say(status.state === 'ready', 'a Jupyter server in a Job answers through both gates');
      const { baseUrl, headers } = await backend.endpoint(handle(), NEVER);
      const ask = (given: Readonly<Record<string, string>>) =>
        httpRequest({
          method: 'GET',
          url: `${baseUrl}api/status`,
          headers: given,
          timeoutMs: 20_000,
        });
      say((await ask({})).status === 401, 'the proxy wants the Hub token');
      const { Authorization = '' } = headers;
      say((await ask({ Authorization })).status === 403, 'Jupyter wants its own');
      const found = await backend.discover?.(projectDir, NEVER);
      say(found?.length === 1, 'it is found by its labels');
    } finally {
      await backend.stop(handle(), NEVER);
    }
    const left = await backend.state(handle(), NEVER);
    say(left.state === 'ended', 'it ends when it is stopped', left.end?.message);
  } catch (error) {
    say(false, 'unexpected', String(error));
  } finally {
    const labels = { 'glovebox-live': mark };
    for (const job of await listJobs(hub, namespace, { labels, limit: 20 }, NEVER))
      if (!isFinal(job.status.stage)) await cancelJob(hub, ref(job.id), NEVER);
    await rm(folder, { recursive: true, force: true });
  }
  return isGood;
}
