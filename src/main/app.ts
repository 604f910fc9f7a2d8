/** Wires the program: the only place that knows concrete classes. Constructing it does no I/O beyond reading configuration. */
import path from 'node:path';
import type { Config } from '#config/config.ts';
import type { Environment } from '#config/environment.ts';
import { createImageRenderer } from '#notebook/render/images.ts';
import { pageTranscript, renderTranscript } from '#notebook/render/transcript.ts';
import { createNotebooks } from '#notebook/open-notebook.ts';
import { systemClock, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { HubContext } from '#hub/context.ts';
import type { CliPolicy } from '#cli/host.ts';
import type { JsonObject } from '#core/json.ts';
import { keepReconciled } from '#sandbox/reconcile.ts';
import { BackendRegistry, type BackendLoader } from '#sandbox/registry.ts';
import { Sandboxes } from '#sandbox/sandboxes.ts';
import { createSessionRecords } from '#session/records.ts';
import { DEFAULT_LIMITS, type SessionLimits } from '#session/limits.ts';
import { Replacements } from '#session/replace-sandbox.ts';
import { Sessions } from '#session/sessions.ts';
import { createSandboxFiles } from '#shell/files.ts';
import { reloadModules } from '#shell/reload.ts';
import { createBringHome } from '#shell/outputs.ts';
import { createTakeHome } from '#shell/take-kept-home.ts';
import { createShell } from '#shell/shell.ts';
import { createProjectTransfer } from '#shell/project-transfer.ts';
import { findSecrets } from '#policy/redaction/find-secrets.ts';
import { createTransfer } from '#shell/transfer.ts';
import type { ToolServices } from '#tools/define-tool.ts';
import { createInterfaceRecords, isClosedSandbox } from '#workspace/interface-records.ts';
import { createInterfaces } from '#workspace/interfaces.ts';
import { createWorkspace } from '#workspace/workspace.ts';
import { createPolicy } from './policy.ts';
import { locateImageWorker } from './image-assets.ts';
import { createJobFates } from './job-fates.ts';
import { jobLocals } from './job-locals.ts';
import { localSettings } from './local-settings.ts';
import { huggingfaceSettings } from './huggingface-settings.ts';
import { modalSettings } from './modal-settings.ts';
import { readPythonFile } from './python-files.ts';
import { createClusterHosts, createNodeHosts, slurmSettings } from './slurm-settings.ts';
import { sshSettings } from './ssh-settings.ts';
import { readStatus } from './status.ts';
import { createLiveRedactor, type LiveRedactor } from './redaction.ts';
import { secretsOfSandbox } from './secrets-of-sandbox.ts';
import { createWebServices } from './web-services.ts';

const MIB = 1024 * 1024;
/** A client takes a resource in one piece; the rest is paged. */
const RESOURCE_CHARS = 1_000_000;

export interface AppOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly projectDir: string;
  readonly log: Log;
  /** Shorter ones for tests. */
  readonly limits?: Partial<SessionLimits>;
  /** For programs of the experimenter: they may enter sandboxes of which agents may only call functions. */
  readonly entersClosed?: boolean;
  /** Time as the way to remote services sees it: the age of answers, and pauses. A quick one for tests. */
  readonly webClock?: Clock;
}

export interface App {
  readonly config: Config;
  readonly log: Log;
  readonly services: ToolServices;
  /** For commands and programs. */
  readonly replacements: Replacements;
  /** For commands. */
  readonly policy: CliPolicy;
  readonly redactor: LiveRedactor;
  /** For the status resource: what is alive and what is not. Holds no token and no address with one. */
  readStatus(this: void, signal: AbortSignal): Promise<JsonObject>;
  /** The whole text output of a run. @throws `run/unknown`. */
  readRun(this: void, runId: string, signal: AbortSignal): Promise<string>;
  /** In the background after start-up: carries on what an earlier process left, and looks after rented machines from then on. Never fails. */
  reattach(this: void, signal: AbortSignal): Promise<void>;
  /** Everything onto disk, sockets closed; kernels and sandboxes live on. */
  close(this: void): Promise<void>;
}

export function createApp({
  config,
  env,
  projectDir,
  log,
  limits,
  webClock,
  entersClosed = false,
}: AppOptions): App {
  const clock = systemClock;
  const dir = config.getOrDefault('dir');
  const redactor = createLiveRedactor(config, env, clock);
  const web = createWebServices(config, webClock ?? clock, { waitClock: clock });
  const policy = createPolicy({
    dir,
    env,
    clock,
    fateOfJob: createJobFates(web.hub),
    redact: async (text) => (await redactor.load()).text(text).value,
  });
  const sandboxes = new Sandboxes({
    registry: new BackendRegistry({
      local: localLoader(config, env, log),
      slurm: slurmLoader(config, env, log),
      modal: modalLoader(config, env, log),
      huggingface: huggingfaceLoader(config, env, log, web.hub),
    }),
    dir,
    clock,
    log,
    defaultBackend: () => config.get('backend') ?? 'local',
    session: policy.recordedSession,
    beforeStop: (id, signal) => bringHome(id, signal),
    takeHome: createTakeHome({ projectDir }),
    profiles: () => config.profiles(),
  });
  const interfaceRecords = createInterfaceRecords(dir, clock, (message) => log.warn(message));
  const notebooks = createNotebooks({ locksDir: path.join(dir, 'locks'), clock, log });
  const sessions = new Sessions({
    dir,
    projectDir,
    sandboxes,
    notebooks,
    records: createSessionRecords(dir, clock, (message) => log.warn(message)),
    clock,
    log,
    inspectSource: () => readPythonFile('inspect_variables.py'),
    startsUnasked: (backend) => backend === 'slurm' && !config.getOrDefault('policy.confirm_slurm'),
    isClosed: async (id) =>
      !entersClosed &&
      ((await sandboxes.modeOf(id)) === 'scoped' || (await isClosedSandbox(interfaceRecords, id))),
    recallSource: () => readPythonFile('recall_execution.py'),
    bringHome: async (id, signal) => (await bringHome(id, signal)).notes,
    secretsOf: async (id) => secretsOfSandbox(await sandboxes.optionsOf(id), config, env),
    beginSource: () => readPythonFile('begin_session.py'),
    settings: () => ({
      kernelReadyMs: config.get('kernel.ready_s') * 1000,
      maxOutputBytes: config.get('output.cell_mb') * MIB,
      allowStdin: config.get('kernel.stdin') === 'ask',
      onCancel: config.get('run.on_cancel') ?? 'interrupt',
      onExpire: config.get('run.on_expire'),
      limits: { ...DEFAULT_LIMITS, ...limits },
    }),
  });
  const { helpers } = sessions;
  const projectTransfer = createProjectTransfer({
    helpers,
    projectDir,
    clock,
    source: () => readPythonFile('transfer.py'),
  });
  const bringHome = createBringHome({
    sandboxes,
    transfer: projectTransfer,
    projectDir,
    clock,
    exists: (id, place, signal) => sessions.hasFile(id, place, signal),
  });
  const workspace = createWorkspace({
    helpers,
    projectDir,
    clock,
    source: readPythonFile,
    settings: () => ({
      libraries: config.get('workspace.libraries') ?? [],
      imports: config.get('workspace.imports') ?? [],
      initCode: config.get('workspace.init_code'),
    }),
  });
  const images = createImageRenderer({ ...locateImageWorker(), clock });
  return {
    config,
    log,
    policy,
    redactor,
    replacements: new Replacements({
      sandboxes,
      sessions,
      prepare: async (id, wait) =>
        workspace.install((await workspace.ofProject()).libraries, id, wait),
      begin: (session, beginning, wait) => workspace.begin(session, beginning, wait),
    }),
    services: {
      sessions,
      sandboxes,
      shell: createShell({ helpers, source: () => readPythonFile('shell.py') }),
      files: createSandboxFiles({ helpers, clock, source: () => readPythonFile('files.py') }),
      projectTransfer,
      reload: async (sandboxId, files, wait) => {
        const source = await readPythonFile('reload_modules.py');
        return reloadModules(sessions, { sandboxId, files, source }, wait);
      },
      workspace,
      interfaces: createInterfaces({
        helpers,
        records: interfaceRecords,
        projectDir,
        clock,
        source: readPythonFile,
      }),
      transfer: createTransfer({ helpers, clock, source: () => readPythonFile('transfer.py') }),
      projectDir,
      images,
      ...web,
      jobs: jobLocals(config, env),
      authorize: policy.authorize,
      spend: policy.spend,
      findSecrets: async (content) => findSecrets(content, await redactor.load()),
      loadRedactor: () => redactor.load(),
      learnSecrets: (values) => redactor.learn(values),
      settings: {
        waitMs: () => config.get('run.wait_s') * 1000,
        notebookDir: () => config.get('notebook.dir'),
        outputChars: () => config.get('output.max_chars'),
        imageMaxPx: () => config.get('output.image_max_px'),
      },
    },
    readStatus: (signal) => readStatus({ sandboxes, sessions, projectDir }, signal),
    readRun: async (runId, signal) => {
      const found = await sessions.run(runId, signal);
      const view = 'live' in found ? found.live.view() : await sessions.readRun(found.record);
      const page =
        view.droppedBytes > 0
          ? await sessions.pageRun(runId, 0, RESOURCE_CHARS)
          : pageTranscript(renderTranscript(view.outputs), 0, RESOURCE_CHARS);
      if (page.nextOffset === undefined) return page.text;
      const left = page.totalChars - page.nextOffset;
      return `${page.text}\n(${left} characters follow: get_run(run_id="${runId}", offset=${page.nextOffset}))`;
    },
    reattach: async (signal) => {
      keepReconciled({ sandboxes, projectDir, clock, log }, signal);
      await sessions.recover(signal);
    },
    close: async () => {
      await sessions.close();
      await notebooks.closeAll();
      await images.close();
      sandboxes.close();
    },
  };
}

/** Loaded on first use: start-up is a feature. */
function localLoader(config: Config, environment: Environment, log: Log): BackendLoader {
  return async () => {
    const { createLocalBackend } = await import('../sandbox/backends/local/index.ts');
    return createLocalBackend({
      clock: systemClock,
      log,
      settings: () => localSettings(config, environment),
    });
  };
}

function slurmLoader(config: Config, environment: Environment, log: Log): BackendLoader {
  return async () => {
    const [{ createSlurmBackend }, { openRelay }] = await Promise.all([
      import('../sandbox/backends/slurm/index.ts'),
      import('#platform/relay.ts'),
    ]);
    return createSlurmBackend({
      clock: systemClock,
      log,
      settings: () => slurmSettings(config, environment),
      host: createClusterHosts(config, environment),
      nodeHost: createNodeHosts(config, environment),
      openRelay: async (host, options) =>
        openRelay(host, { ...options, source: await readPythonFile('relay.py') }),
    });
  };
}

/** The SDK itself is loaded only when Modal is asked for something. */
function modalLoader(config: Config, environment: Environment, log: Log): BackendLoader {
  return async () => {
    const { createModalBackend } = await import('../sandbox/backends/modal/index.ts');
    return createModalBackend({
      clock: systemClock,
      log,
      settings: () => modalSettings(config, environment),
    });
  };
}

function huggingfaceLoader(
  config: Config,
  environment: Environment,
  log: Log,
  hub: HubContext,
): BackendLoader {
  return async () => {
    const [{ createHuggingfaceBackend }, { createHubJobs }] = await Promise.all([
      import('../sandbox/backends/huggingface/index.ts'),
      import('./hub-jobs.ts'),
    ]);
    return createHuggingfaceBackend({
      clock: systemClock,
      log,
      settings: () => huggingfaceSettings(config, environment),
      hub: createHubJobs(hub, config),
      ssh: (destination) => sshSettings(config, environment, destination),
    });
  };
}
