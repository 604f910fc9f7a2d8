/** Hands a job to the scheduler, once: what is needed to find it again is on disk before. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { renderDuration } from '#core/units.ts';
import { sleep } from '#platform/clock.ts';
import type { Host } from '#platform/host.ts';
import type { StartContext } from '#sandbox/backend.ts';
import { secretsByScope } from '#sandbox/kernel-variables.ts';
import { cullingConfig, EMPTY_SERVER_S } from '#sandbox/limits.ts';
import { chooseTunnel, type ChosenTunnel } from './choose-tunnel.ts';
import { JOB_NOTE, type JobNote } from './discover-jobs.ts';
import { EQUIPMENT_FILE, NODE_EQUIP_LIMIT_MS, prepareEquipment } from './equip-job.ts';
import { findNodePython } from './find-python.ts';
import { findSubmitted } from './find-submitted.ts';
import { loadJobScript } from './job-script.ts';
import { checkVariables, forgetVariables, jobVariables, VARIABLES_FILE } from './job-variables.ts';
import type { SlurmOptions } from './options.ts';
import { MODELS_FILE, prepareHubCache, prepareModels, toldOf } from './models.ts';
import { parseSubmitted, parseTestOnly, type Submitted } from './parse-sbatch.ts';
import { folderOnCluster, type SlurmParts } from './parts.ts';
import type { JobRecord, JobStore } from './record.ts';
import { resolveRequest, withDefaultGres, withDefaultTime, type JobRequest } from './request.ts';
import { requestWords, submissionWords, withoutPatterns } from './sbatch-words.ts';
import type { Survey } from './parse-sinfo.ts';
import { lastWords, schedulerCommand } from './scheduler-command.ts';
import type { SlurmSettings } from './settings.ts';
import { sweepJobFolders } from './sweep-job-folders.ts';

/** Between two looks for a job whose submission gave no answer. */
const SECOND_LOOK_MS = 10_000;

interface Prepared {
  readonly host: Host;
  readonly request: JobRequest;
  readonly jobsDir: string;
  readonly words: readonly string[];
}

/**
 * @param claimed the record with our claim, in phase `submitting`.
 * @throws `sandbox/start-failed`, `config/invalid`, `python/kernel-missing`, ... when it is certain that no job exists; `cancelled`:
 *   a submission that is on its way is carried on and noted.
 */
export async function submit(
  options: SlurmOptions,
  context: StartContext,
  parts: SlurmParts,
  store: JobStore,
  claimed: JobRecord,
): Promise<void> {
  const prepared = await prepare(options, context, parts, store, claimed);
  const { signal } = context;
  await context.remember({ nonce: claimed.nonce, cluster_host: prepared.host.name });
  throwIfAborted(signal);
  context.report({ message: `submitting to ${prepared.host.name}` });
  throwIfAborted(signal);
  const submittingMs = parts.clock.now();
  await store.changeAs(claimed.claim, (current) => ({ ...current, submittingMs }));
  // From here on nobody gives up: the answer decides whether there is a job.
  const submitting = sendOnce(prepared, parts, store, claimed);
  const job = await abandonOn(submitting, signal);
  await context.remember({
    job_id: job.id,
    ...(job.cluster !== undefined && { cluster: job.cluster }),
  });
  const { host, jobsDir } = prepared;
  // Nobody waits for it, and the next submission does what this one could not.
  void sweepJobFolders(host, jobsDir, job.cluster, signal).catch((error: unknown) =>
    parts.log.debug(`Old job folders: ${messageOf(error)}`),
  );
}

async function prepare(
  options: SlurmOptions,
  context: StartContext,
  parts: SlurmParts,
  store: JobStore,
  claimed: JobRecord,
): Promise<Prepared> {
  const { id, projectDir, signal, report } = context;
  const settings = parts.settings();
  report({ message: 'checking what is asked for' });
  const host = await abandonOn(parts.host(), signal);
  const asked = resolveRequest(options, settings);
  const isOpen = asked.gres === undefined || asked.isTimeDefault;
  const survey = isOpen ? await parts.survey.get(signal).catch(unlessGivenUp) : undefined;
  const limited = withDefaultTime(asked, survey);
  const request = withDefaultGres(limited.request, survey);
  checkVariables(request, settings);
  const secrets = secretsByScope(request.secrets, settings.variables);
  const python = await findNodePython(host, request, projectDir, signal);
  const tunnel = await chooseTunnel(host, settings, signal);
  await testOnly(host, request, parts, report, signal);
  const hub = { ...settings, hubToken: secrets.download['HF_TOKEN'] ?? settings.hubToken };
  const models = await prepareModels(options.models ?? [], host, hub, context);
  const cache = await prepareHubCache(request, host, settings, signal);
  const jobsDir = await folderOnCluster(host, settings.jobsDir, signal);
  const equipmentPlace = { host, settings, context, jobsDir, python, secrets };
  const equipment = await prepareEquipment(request, equipmentPlace);
  const variables = jobVariables(request, secrets, equipment?.isLeftToNode === true);
  const { nonce, generation } = claimed;
  const jobDir = `${jobsDir}/${id}-${nonce}`;
  const script = await loadJobScript(settings.pythonDir);
  const scriptFile = `${jobsDir}/bin/${script.fileName}`;
  const { nodeTmp, sharedDisk, exportNames } = settings;
  const note: JobNote = { id, projectDir, nodeTmp, sharedDisk, tunnel: tunnel.mode };
  const tellNode = async (name: string, told: JsonObject | undefined): Promise<void> => {
    if (told !== undefined)
      await host.writeFile(`${jobDir}/${name}`, JSON.stringify(told), { signal });
  };
  const hasVariables = variables !== undefined;
  // Whoever ends it takes the values away, so they are on record before they are there.
  if (hasVariables)
    await store.changeAs(claimed.claim, (current) => ({ ...current, jobDir, hasVariables }));
  const [loginHost] = await Promise.all([
    host.hostname(signal),
    host.writeFile(scriptFile, script.text, { mode: 0o700, signal }),
    host.writeFile(`${jobDir}/nonce`, `${nonce}\n`, { signal }),
    host.writeFile(`${jobDir}/${JOB_NOTE}`, JSON.stringify(note), { signal }),
    tellNode(MODELS_FILE, toldOf(models, cache, request)),
    tellNode(EQUIPMENT_FILE, equipment?.told),
    tellNode(VARIABLES_FILE, variables),
  ]);
  await store.changeAs(claimed.claim, (current) => ({
    ...current,
    hostName: host.name,
    loginHost,
    isRemote: host.isRemote,
    jobDir,
    nodeTmp,
    sharedDisk,
    tunnel: tunnel.mode,
    ...(equipment?.isLeftToNode === true && { equipLimitMs: NODE_EQUIP_LIMIT_MS }),
    ...(tunnel.reason !== undefined && { tunnelReason: tunnel.reason }),
    ...(limited.reason !== undefined && { timeReason: limited.reason }),
    ...(request.cluster !== undefined && { cluster: request.cluster }),
  }));
  const log = sharedDisk
    ? `${withoutPatterns(jobDir)}/job-%j.log`
    : `${withoutPatterns(nodeTmp)}/gb-log-${nonce}-%j`;
  const words = submissionWords(request, {
    name: id,
    comment: `glovebox:${nonce}:${generation}`,
    exportNames,
    log,
    workDir: nodeTmp,
    script: scriptFile,
    scriptArguments: scriptArguments(settings, request, tunnel, {
      needsJobDir: models !== undefined || equipment !== undefined || hasVariables,
      nonce,
      jobDir,
      python,
      projectDir,
    }),
  });
  return { host, request, jobsDir, words };
}

function unlessGivenUp(error: unknown): undefined {
  if (isGloveboxError(error, 'cancelled')) throw error;
  return undefined;
}

/** In the order in which `slurm_job.sh` takes them. No secret among them: everybody on the cluster can read them. */
function scriptArguments(
  settings: SlurmSettings,
  { container = '', modules = [], setup = [], idle_timeout_seconds: idleS = 0 }: JobRequest,
  { mode, bind }: ChosenTunnel,
  job: Readonly<Record<'nonce' | 'jobDir' | 'python' | 'projectDir', string>> & {
    readonly needsJobDir: boolean;
  },
): readonly string[] {
  return [
    job.nonce,
    settings.nodeTmp,
    settings.sharedDisk ? job.jobDir : '',
    settings.serverRootDir ?? job.projectDir,
    job.python,
    String(Math.ceil(settings.readyMs / 1000)),
    mode === 'direct' || mode === 'forward' ? 'file' : 'fetch',
    bind,
    portRange(settings.ports),
    container,
    settings.setupFile ?? '',
    settings.purgeModules ? '1' : '0',
    job.needsJobDir ? '1' : '0',
    idleS === 0 ? '{}' : JSON.stringify(idleConfig(idleS)),
    String(modules.length),
    ...modules,
    ...setup,
  ];
}

/** What a server gets beside its template, so that it ends when nobody needs it. */
const idleConfig = (idleS: number): JsonObject => ({
  MappingKernelManager: cullingConfig(idleS),
  ServerApp: { shutdown_no_activity_timeout: EMPTY_SERVER_S },
});

/** `0-0` where any port will do. */
function portRange({ min, max }: NonNullable<SlurmSettings['ports']> = {}): string {
  return min === undefined && max === undefined ? '0-0' : `${min ?? 1024}-${max ?? 65_535}`;
}

/** The scheduler's own test: what it refuses is refused before anything is made. */
async function testOnly(
  host: Host,
  request: JobRequest,
  { survey }: SlurmParts,
  report: StartContext['report'],
  signal: AbortSignal,
): Promise<void> {
  const argv = ['sbatch', '--test-only', ...requestWords(request)];
  const result = await schedulerCommand(host, argv, { signal, input: '#!/bin/sh\n' });
  if (result.code !== 0) {
    const words = lastWords(result);
    // So it calls nodes that are only drained or down, too.
    const isVague = words.includes('node configuration is not available');
    const known = isVague ? await survey.get(signal, 0).catch(unlessGivenUp) : undefined;
    throw rejected([words, ...shutPartitions(known, request)].join('. '));
  }
  const estimate = parseTestOnly(`${result.stdout}\n${result.stderr}`);
  if (estimate === undefined) return;
  const inMs = estimate.startMs - Date.now();
  report({
    message: inMs > 5000 ? `it may start in about ${renderDuration(inMs)}` : 'it may start at once',
  });
}

/** The partitions that were asked for, when none of them takes jobs now. */
function shutPartitions(known: Survey | undefined, { partition }: JobRequest): readonly string[] {
  const names = partition?.split(',');
  const asked = known?.partitions.filter(({ name, isDefault }) =>
    names === undefined ? isDefault : names.includes(name),
  );
  if (asked === undefined || asked.length === 0 || asked.some(({ isUp }) => isUp)) return [];
  return asked.map(
    ({ name }) =>
      `Partition ${name} takes no jobs now: it, or all of its nodes, are down or drained`,
  );
}

function rejected(words: string): GloveboxError {
  return new GloveboxError('sandbox/start-failed', `SLURM refused the job: ${words}`, {
    hint: 'sandbox_options(backend="slurm") lists partitions with their limits; change the option that SLURM names.',
  });
}

/** Resolves with the job, noted in the record. Runs to its end whoever gave up waiting for it. */
async function sendOnce(
  { host, request, words }: Prepared,
  parts: SlurmParts,
  store: JobStore,
  claimed: JobRecord,
): Promise<Submitted> {
  const { signal } = new AbortController();
  let sent: Submitted | undefined;
  try {
    const result = await schedulerCommand(host, words, { signal });
    sent = parseSubmitted(result.stdout);
    if (sent === undefined && result.code !== 0) {
      const why = result.stderr.trim() === '' ? lastWords(result) : result.stderr.trim();
      const failure = rejected(why);
      await noteRejected(parts, store, claimed, failure.message);
      await forgetVariables(parts, host, (await store.read()) ?? claimed, signal);
      throw failure;
    }
  } catch (error) {
    const isUnsure =
      isGloveboxError(error, 'timeout') || isGloveboxError(error, 'host/unreachable');
    if (!isUnsure) throw error;
    parts.log.warn(`Submission of ${claimed.nonce}: ${messageOf(error)}`);
  }
  sent ??= await lookTwice(host, request, parts, store, claimed);
  return noteSubmitted(parts, store, claimed, sent, host);
}

/** A submission without an answer may have made a job, and must not be repeated. */
async function lookTwice(
  host: Host,
  { cluster }: JobRequest,
  parts: SlurmParts,
  store: JobStore,
  claimed: JobRecord,
): Promise<Submitted> {
  const { signal } = new AbortController();
  try {
    for (let look = 1; look <= 2; look += 1) {
      const found = await findSubmitted(host, claimed.nonce, cluster, signal);
      if (found !== undefined) return found;
      if (look === 1) await sleep(parts.clock, SECOND_LOOK_MS, signal);
    }
  } catch (error) {
    await store.update((current) =>
      current.nonce === claimed.nonce ? { ...current, unsure: true } : current,
    );
    throw new GloveboxError(
      'host/unreachable',
      `Whether SLURM took the job is not known: ${messageOf(error)}`,
      { hint: 'sandbox_wait looks for it again. Nothing is submitted twice.', cause: error },
    );
  }
  const failure = rejected('sbatch gave no answer, and there is no job');
  await noteRejected(parts, store, claimed, failure.message);
  throw failure;
}

async function noteRejected(
  { clock }: SlurmParts,
  store: JobStore,
  claimed: JobRecord,
  message: string,
): Promise<void> {
  const end = { cause: 'start-failed' as const, message, atMs: clock.now(), logTail: [] };
  await store.update((current) =>
    current.nonce === claimed.nonce && current.phase === 'submitting'
      ? { ...current, phase: 'ended', end }
      : current,
  );
}

async function noteSubmitted(
  parts: SlurmParts,
  store: JobStore,
  claimed: JobRecord,
  sent: Submitted,
  host: Host,
): Promise<Submitted> {
  const job = { ...sent, submittedMs: parts.clock.now() };
  const now = await store.update((current) => {
    if (current.nonce !== claimed.nonce) return current;
    const phase = current.phase === 'submitting' ? 'pending' : current.phase;
    return { ...current, phase, job };
  });
  if (now.nonce === claimed.nonce && now.claim === claimed.claim) return sent;
  // Somebody stopped it while it was being submitted.
  const { signal } = new AbortController();
  const cluster = sent.cluster === undefined ? [] : ['-M', sent.cluster];
  await schedulerCommand(host, ['scancel', ...cluster, sent.id], { signal });
  throw new GloveboxError('cancelled', 'The sandbox was stopped while it was being submitted.');
}
