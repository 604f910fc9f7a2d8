/**
 * Modal on loopback: a gRPC server that the unchanged SDK talks to. Sandboxes are real processes of this machine. A call it does not
 * know answers UNIMPLEMENTED with the method's name, and every call is recorded.
 *
 * One port serves both of Modal's services, the control plane and the "task command router"; the SDK dials the router without
 * TLS when the control plane's address is a loopback address.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, ServerError, Status } from 'nice-grpc';
import { FakeSandbox, ResultStatus } from './fake-sandbox.mjs';
import { STDOUT } from './sandbox-process.mjs';
import { ModalClientDefinition, TaskCommandRouterDefinition } from './service-definitions.mjs';

export { ResultStatus, ServerError, Status };

/** ObjectCreationType: the SDK sends it for `createIfMissing: true`. */
const CREATE_IF_MISSING = 1;

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const randomId = (prefix, length = 22) =>
  `${prefix}-${Array.from(randomBytes(length), (byte) => ALPHANUMERIC[byte % ALPHANUMERIC.length]).join('')}`;

// The SDK reads only the expiry of these tokens.
const token = () => {
  const claims = { exp: Math.floor(Date.now() / 1000) + 3600 };
  return ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'signature'].join('.');
};

const notFound = (message) => new ServerError(Status.NOT_FOUND, message);

export async function startFakeModal(options) {
  const { certificate, environment = {} } = options;
  const faults = {
    before: options.before ?? (() => undefined),
    after: options.after ?? (() => undefined),
    queueMs: options.queueMs ?? (() => 0),
    failBuild: options.failBuild ?? (() => undefined),
    tunnels: options.tunnels ?? (() => true),
  };
  const calls = [];
  const answers = new Map();
  const sandboxes = new Map();
  const execs = new Map();
  const builtImages = new Set();
  const imageRequests = new Map();
  const imageFolders = new Map();
  const secretContents = new Map();
  const named = { app: new Map(), secret: new Map(), volume: new Map() };
  const storage = mkdtempSync(path.join(tmpdir(), 'fake-modal-storage-'));
  let url;

  const lookUp = (kind, prefix, name, creationType) => {
    if (!named[kind].has(name)) {
      if (creationType !== CREATE_IF_MISSING) throw notFound(`${kind} '${name}' not found`);
      named[kind].set(name, randomId(prefix));
    }
    return named[kind].get(name);
  };
  const sandboxOf = ({ sandboxId }) => {
    const sandbox = sandboxes.get(sandboxId);
    if (!sandbox) throw notFound(`no sandbox ${sandboxId}`);
    return sandbox;
  };
  const sandboxOfTask = ({ taskId }) =>
    [...sandboxes.values()].find((sandbox) => sandbox.taskId === taskId);
  const execOf = ({ execId }) => {
    const exec = execs.get(execId);
    if (!exec) throw notFound(`no exec ${execId}`);
    return exec;
  };
  const routerAccess = () => ({ url: url.replace('http://', 'https://'), jwt: token() });
  const volumeFolder = (volumeId) => {
    const folder = path.join(storage, volumeId);
    mkdirSync(folder, { recursive: true });
    return folder;
  };

  // Variables reach a sandbox in two ways. Without a GPU they travel inline; with one, the SDK first stores them as a
  // short-lived secret and sends its id.
  const environmentOf = (sources = [], secretIds = []) =>
    Object.assign(
      {},
      ...sources.map((source) => source.env?.contents ?? secretContents.get(source.secretId) ?? {}),
      ...secretIds.map((id) => secretContents.get(id) ?? {}),
    );

  const findByName = (name, version) =>
    [...sandboxes.values()].find((s) => s.name === name && s.version === version && !s.result);

  async function createSandbox(request, version) {
    const { name, secretIds, imageId, volumeMounts } = request.definition;
    if (!builtImages.has(imageId)) throw notFound(`no image ${imageId}`);
    if (name && findByName(name, version))
      throw new ServerError(Status.ALREADY_EXISTS, `name '${name}' is in use`);
    const sandbox = new FakeSandbox({
      // The SDK tells the two generations apart by the shape of the id: "sb-" and 22 characters is V1.
      id: randomId('sb', version === 1 ? 22 : 26),
      taskId: randomId('ta'),
      version,
      request,
      environment: environmentOf(request.secretSources, secretIds),
      baseEnvironment: environment,
    });
    sandboxes.set(sandbox.id, sandbox);
    sandbox.mount(
      imageFolders.get(imageId),
      (volumeMounts ?? []).map(({ mountPath, volumeId }) => ({
        mountPath,
        folder: volumeFolder(volumeId),
      })),
    );
    // A queued sandbox has no task yet; its command and its time limit begin when it gets one.
    const queued = version === 1 ? faults.queueMs(request) : 0;
    if (queued > 0)
      void sleep(queued, undefined, { ref: false }).then(() => sandbox.start(certificate));
    else await sandbox.start(certificate);
    return sandbox;
  }

  const byName = (version) => (request) => {
    const sandbox = findByName(request.sandboxName, version);
    if (!sandbox) throw notFound(`no sandbox named '${request.sandboxName}'`);
    return { sandboxId: sandbox.id };
  };
  const hasTags = (sandbox, wanted) =>
    wanted.every((tag) =>
      sandbox.tags.some((t) => t.tagName === tag.tagName && t.tagValue === tag.tagValue),
    );
  const list = (versions) => (request) => ({
    // The SDK asks for the next page with beforeTimestamp; everything fits on the first one.
    sandboxes: request.beforeTimestamp
      ? []
      : [...sandboxes.values()]
          .filter((s) => versions.includes(s.version) && !s.result)
          .filter((s) => !request.appId || s.appId === request.appId)
          .filter((s) => hasTags(s, request.tags))
          .map(({ id, createdAt, appId, tags, name }) => ({ id, createdAt, appId, tags, name })),
  });
  const getTaskId = (request) => {
    const sandbox = sandboxOf(request);
    // One that ended in the queue never had a task; of every other one the log can still be asked for by its task.
    return { taskId: sandbox.started ? sandbox.taskId : '', taskResult: sandbox.result };
  };
  const tunnelsOf = (sandbox) => (faults.tunnels(sandbox) ? sandbox.tunnels : []);
  const getTunnels = (request) => ({
    result: { status: ResultStatus.SUCCESS },
    tunnels: tunnelsOf(sandboxOf(request)),
  });
  const wait = async (request) => {
    const sandbox = sandboxOf(request);
    return { result: await sandbox.wait(request.timeout), metadata: { appId: sandbox.appId } };
  };
  const terminate = (request) => sandboxOf(request).kill(ResultStatus.TERMINATED);
  const connectToken = (version) => (request) => {
    const sandbox = sandboxOf(request);
    if (sandbox.version !== version) throw notFound(`no sandbox ${sandbox.id} of that generation`);
    if (sandbox.result) throw new ServerError(Status.FAILED_PRECONDITION, 'the sandbox is gone');
    return sandbox.connect(request.port ?? 8080, certificate);
  };
  const setTags = (request) => void (sandboxOf(request).tags = request.tags);
  const getTags = (request) => ({ tags: sandboxOf(request).tags });

  const controlPlane = {
    authTokenGet: () => ({ token: token() }),
    workspaceNameLookup: () => ({ username: 'acme-lab', workspaceName: 'acme-lab' }),
    appGetOrCreate: (r) => ({ appId: lookUp('app', 'ap', r.appName, r.objectCreationType) }),
    environmentGetOrCreate: (r) => ({
      environmentId: 'en-1',
      metadata: {
        name: r.deploymentName || 'main',
        settings: { imageBuilderVersion: '2025.06', webhookSuffix: '' },
      },
    }),

    imageFromId: (r) => {
      if (!builtImages.has(r.imageId)) throw notFound(`no image ${r.imageId}`);
      return { imageId: r.imageId };
    },
    imageDelete: (r) => void builtImages.delete(r.imageId),
    imageGetOrCreate: ({ image }) => {
      const recipe = JSON.stringify([image.dockerfileCommands, image.baseImages]);
      const imageId = `im-${createHash('sha1').update(recipe).digest('hex').slice(0, 22)}`;
      imageRequests.set(imageId, image);
      const base = image.baseImages[0]?.imageId;
      if (imageFolders.has(base)) imageFolders.set(imageId, imageFolders.get(base));
      return {
        imageId,
        result: builtImages.has(imageId) ? { status: ResultStatus.SUCCESS } : undefined,
      };
    },
    async *imageJoinStreaming({ imageId }) {
      const { dockerfileCommands } = imageRequests.get(imageId);
      for (const [at, command] of dockerfileCommands.entries())
        yield { taskLogs: [{ data: `Step ${at + 1} : ${command}\n` }], entryId: `${at + 1}-0` };
      const failure = faults.failBuild(dockerfileCommands);
      if (failure !== undefined) yield { taskLogs: [{ data: `${failure}\n` }], entryId: '98-0' };
      else builtImages.add(imageId);
      const result =
        failure === undefined
          ? { status: ResultStatus.SUCCESS }
          : { status: ResultStatus.FAILURE, exception: 'the build failed' };
      yield { result, entryId: '99-0', eof: true };
    },

    volumeGetOrCreate: (r) => ({
      volumeId: lookUp('volume', 'vo', r.deploymentName, r.objectCreationType),
      metadata: { version: r.version || 1 },
    }),
    secretGetOrCreate: (r) => {
      const isAnonymous = Object.keys(r.envDict ?? {}).length > 0;
      const secretId = isAnonymous
        ? randomId('st')
        : lookUp('secret', 'st', r.deploymentName, r.objectCreationType);
      if (isAnonymous) secretContents.set(secretId, r.envDict);
      return { secretId };
    },

    // V1: every sandbox with a GPU, and all of them when MODAL_SANDBOX_V2=0.
    sandboxCreate: async (r) => ({ sandboxId: (await createSandbox(r, 1)).id }),
    // V2: the default for a sandbox without a GPU; the answer already holds all that exec needs.
    sandboxCreateV2: async (r) => {
      const sandbox = await createSandbox(r, 2);
      const { id, taskId } = sandbox;
      return {
        sandboxId: id,
        taskId,
        tunnels: tunnelsOf(sandbox),
        commandRouterAccess: routerAccess(),
      };
    },
    sandboxGetTaskId: getTaskId,
    sandboxGetTaskIdV2: getTaskId,
    sandboxGetTunnels: getTunnels,
    sandboxGetTunnelsV2: getTunnels,
    sandboxCreateConnectToken: connectToken(1),
    sandboxCreateConnectTokenV2: connectToken(2),
    sandboxWait: wait,
    sandboxWaitV2: wait,
    sandboxTerminate: terminate,
    sandboxTerminateV2: terminate,
    sandboxList: list([1]),
    sandboxListV2: list([1, 2]),
    sandboxGetFromName: byName(1),
    sandboxGetFromNameV2: byName(2),
    sandboxTagsSet: setTags,
    sandboxTagsSetV2: setTags,
    sandboxTagsGet: getTags,
    sandboxTagsGetV2: getTags,
    taskGetCommandRouterAccess: routerAccess,
    sandboxGetCommandRouterAccess: routerAccess,

    // The log of the main process that the service keeps, also of a sandbox that has ended.
    appFetchLogs: (r) => {
      const main = sandboxOfTask(r)?.main;
      const lines = main === undefined ? [] : main.output.split(/(?<=\n)/);
      const items = lines.slice(-r.limit).map((data) => ({ data, fileDescriptor: 1 }));
      return { batches: items.length === 0 ? [] : [{ items }] };
    },
    // The same, live, V1. The entry id carries the byte offset to go on from.
    async *sandboxGetLogs(r, context) {
      const { main } = sandboxOf(r);
      let offset = Number.parseInt(r.lastEntryId, 10) || 0;
      const entry = (data, eof) => ({ entryId: `${offset}-0`, items: data ? [{ data }] : [], eof });
      if (main) {
        for await (const chunk of main.read(r.fileDescriptor - 1, offset, context.signal)) {
          offset += chunk.data.length;
          yield entry(chunk.data.toString(), false);
        }
      }
      yield entry(undefined, true);
    },
  };

  const router = {
    taskExecStart: (r) => {
      const sandbox = sandboxOfTask(r);
      // Which code the real service uses for a dead sandbox is not known; any code must be treated alike.
      if (!sandbox || sandbox.result)
        throw new ServerError(Status.FAILED_PRECONDITION, 'the sandbox is gone');
      const exec = sandbox.run(r.commandArgs, {
        cwd: r.workdir,
        environment: environmentOf(r.secretSources),
      });
      execs.set(r.execId, exec);
      if (r.timeoutSecs) setTimeout(() => exec.kill(), r.timeoutSecs * 1000).unref();
    },
    taskExecStdioRead: (r, context) => execOf(r).read(r.fileDescriptor, r.offset, context.signal),
    taskExecStdinWrite: (r) => {
      const exec = execOf(r);
      if (r.data.length > 0) exec.write(r.data);
      if (r.eof) exec.closeStdin();
    },
    taskExecWait: (r, context) => execOf(r).ended(context.signal),
    taskExecPoll: (r) => execOf(r).result,
    async *sandboxStdioReadV2(r, context) {
      const main = sandboxOfTask(r)?.main;
      if (main) yield* main.read(r.fileDescriptor ?? STDOUT, r.offset, context.signal);
    },
    taskReloadVolumes: () => {},
    taskSnapshotFilesystem: (r) => {
      const sandbox = sandboxOfTask(r);
      if (!sandbox || sandbox.result)
        throw new ServerError(Status.FAILED_PRECONDITION, 'the sandbox is gone');
      const imageId = randomId('im');
      const folder = path.join(storage, imageId);
      sandbox.copyTo(folder);
      imageFolders.set(imageId, folder);
      builtImages.add(imageId);
      return { imageId };
    },
  };

  // Wraps the handlers of one service: record, let the test interfere, answer, and let it interfere once more. A unary call that
  // is repeated under one idempotency key takes effect once.
  const serve = (definition, handlers) =>
    Object.fromEntries(
      Object.entries(definition.methods).map(([method, { responseStream }]) => {
        const begin = async (request) => {
          calls.push({ method, request });
          await faults.before(method, request);
          if (!handlers[method])
            throw new ServerError(Status.UNIMPLEMENTED, `the fake has no ${method}`);
        };
        const stream = async function* (request, context) {
          await begin(request);
          yield* handlers[method](request, context);
        };
        const unary = async (request, context) => {
          await begin(request);
          const key = context.metadata.get('x-idempotency-key');
          const known = key === undefined ? undefined : answers.get(key);
          const answer = known ?? (async () => handlers[method](request, context))();
          if (key !== undefined && known === undefined) {
            answers.set(key, answer);
            // Only what took effect is remembered.
            answer.catch(() => answers.delete(key));
          }
          const value = (await answer) ?? {};
          await faults.after(method, request, value);
          return value;
        };
        return [method, responseStream ? stream : unary];
      }),
    );

  const server = createServer();
  server.add(ModalClientDefinition, serve(ModalClientDefinition, controlPlane));
  server.add(TaskCommandRouterDefinition, serve(TaskCommandRouterDefinition, router));
  url = `http://127.0.0.1:${await server.listen('127.0.0.1:0')}`;

  return {
    url,
    calls,
    faults,
    sandboxes,
    volumeFolder: (name) => {
      const id = named.volume.get(name);
      return id === undefined ? undefined : volumeFolder(id);
    },
    addSecret: (name, contents) => {
      const id = lookUp('secret', 'st', name, CREATE_IF_MISSING);
      secretContents.set(id, contents);
    },
    alive: () => [...sandboxes.values()].filter((sandbox) => !sandbox.result),
    lastRequest: (method) => calls.findLast((call) => call.method === method)?.request,
    async close() {
      for (const sandbox of sandboxes.values()) sandbox.kill(ResultStatus.TERMINATED);
      await Promise.all([...sandboxes.values()].map((sandbox) => sandbox.removeFiles()));
      server.forceShutdown();
      rmSync(storage, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
