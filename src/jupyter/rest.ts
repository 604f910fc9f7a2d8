/** The REST side of one Jupyter server (C1, C2): stateless, lenient in what it reads, precise in what it reports. */
import type { EndpointSource } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { JupyterServer } from './contract.ts';
import {
  isFromJupyter,
  parseKernel,
  parseKernelSpecs,
  parseList,
  parseSession,
} from './rest-answers.ts';
import { createCaller, isGood, readJson, unexpected, type Call } from './rest-call.ts';

const QUICK_MS = 10_000;
const SLOW_MS = 30_000;
const START_MS = 60_000;

const get = (path: string, signal: AbortSignal | undefined): Call => ({
  method: 'GET',
  path,
  timeoutMs: QUICK_MS,
  signal,
});
const kernelPath = (id: string): string => `api/kernels/${encodeURIComponent(id)}`;
const sessionPath = (id: string): string => `api/sessions/${encodeURIComponent(id)}`;

export function createJupyterServer(options: { readonly endpoint: EndpointSource }): JupyterServer {
  const { endpoint } = options;
  const { send, ask, remove } = createCaller(endpoint);

  /** A command to a kernel, for which 404 is news of its own. */
  const command = async (call: Call): Promise<void> => {
    const response = await send(call);
    if (response.status === 404 && isFromJupyter(response.text)) throw kernelGone();
    if (!isGood(response)) throw unexpected(call, response);
  };

  return {
    endpoint,

    async status(signal) {
      const raw = await ask(get('api/status', signal));
      const { started, kernels, connections } = isRecord(raw) ? raw : {};
      return {
        started: typeof started === 'string' ? started : '',
        kernels: typeof kernels === 'number' ? kernels : 0,
        connections: typeof connections === 'number' ? connections : 0,
      };
    },

    async kernelSpecs(signal) {
      return parseKernelSpecs(await ask(get('api/kernelspecs', signal)));
    },

    async listSessions(signal) {
      return parseList(await ask(get('api/sessions', signal)), parseSession);
    },

    async createSession({ path, name, kernelName }, signal) {
      const body = { path, name, type: 'notebook', kernel: { name: kernelName } };
      return parseSession(
        await ask({ method: 'POST', path: 'api/sessions', timeoutMs: START_MS, body, signal }),
      );
    },

    async rebindSession(sessionId, kernelId, signal) {
      const body = { kernel: { id: kernelId } };
      const path = sessionPath(sessionId);
      return parseSession(await ask({ method: 'PATCH', path, timeoutMs: SLOW_MS, body, signal }));
    },

    deleteSession: (sessionId, signal) =>
      remove({ method: 'DELETE', path: sessionPath(sessionId), timeoutMs: SLOW_MS, signal }),

    async listKernels(signal) {
      return parseList(await ask(get('api/kernels', signal)), parseKernel);
    },

    async kernel(kernelId, signal) {
      const call = get(kernelPath(kernelId), signal);
      const response = await send(call);
      // A proxy on the way answers 404 too, and that says nothing about the kernel.
      if (response.status === 404 && isFromJupyter(response.text)) return undefined;
      return parseKernel(readJson(call, response));
    },

    async startKernel({ name, path }, signal) {
      const body = { name, ...(path !== undefined && { path }) };
      return parseKernel(
        await ask({ method: 'POST', path: 'api/kernels', timeoutMs: START_MS, body, signal }),
      );
    },

    interruptKernel: (kernelId, signal) =>
      command({
        method: 'POST',
        path: `${kernelPath(kernelId)}/interrupt`,
        timeoutMs: QUICK_MS,
        body: {},
        signal,
      }),

    restartKernel: (kernelId, signal) =>
      command({
        method: 'POST',
        path: `${kernelPath(kernelId)}/restart`,
        timeoutMs: SLOW_MS,
        body: {},
        signal,
      }),

    deleteKernel: (kernelId, signal) =>
      remove({ method: 'DELETE', path: kernelPath(kernelId), timeoutMs: SLOW_MS, signal }),
  };
}

export function kernelGone(): GloveboxError {
  return new GloveboxError('kernel/gone', 'The server no longer has this kernel.', {
    hint: 'Somebody deleted or culled it. Call restart_kernel to get a new one; variables are lost.',
  });
}
