/** The REST side of one Jupyter server (C1, C2): stateless, lenient in what it reads, precise in what it reports. */
import type { EndpointSource } from '#core/endpoint.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { httpRequest, type HttpResponse } from '#platform/http.ts';
import type { JupyterServer } from './contract.ts';
import {
  errorTextOf,
  isFromJupyter,
  parseKernel,
  parseKernelSpecs,
  parseList,
  parseSession,
} from './rest-answers.ts';

const QUICK_MS = 10_000;
const SLOW_MS = 30_000;
const START_MS = 60_000;

interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the base URL, without a leading slash. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal | undefined;
}

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

  const send = async (call: Call): Promise<HttpResponse> => {
    const { baseUrl, headers } = await endpoint(call.signal);
    try {
      const response = await httpRequest({
        method: call.method,
        url: `${baseUrl}${call.path}`,
        headers: { ...headers, ...(call.body && { 'Content-Type': 'application/json' }) },
        timeoutMs: call.timeoutMs,
        ...(call.body && { body: JSON.stringify(call.body) }),
        ...(call.signal && { signal: call.signal }),
      });
      if (response.status === 401 || response.status === 403) throw refused(call, response);
      return response;
    } catch (error) {
      if (isGloveboxError(error, 'http/failed') || isGloveboxError(error, 'timeout')) {
        throw new GloveboxError(
          'server/unreachable',
          `The Jupyter server does not answer. ${error.message}`,
          {
            hint: 'It may still be alive, and code in its kernels may still run: ask again later, for example with ping.',
            cause: error,
          },
        );
      }
      throw error;
    }
  };

  /** Sends, and reads the JSON of an answer with a good status. */
  const ask = async (call: Call): Promise<unknown> => readJson(call, await send(call));

  /** Sends a DELETE. What is not there any more counts as done. */
  const remove = async (call: Call): Promise<void> => {
    const response = await send(call);
    // 410: the kernel of a session had been deleted before.
    const absent = response.status === 404 || response.status === 410;
    if (isGood(response) || (absent && isFromJupyter(response.text))) return;
    throw unexpected(call, response);
  };

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

function readJson(call: Call, response: HttpResponse): unknown {
  if (!isGood(response)) throw unexpected(call, response);
  try {
    const parsed: unknown = JSON.parse(response.text);
    return parsed;
  } catch (error) {
    throw new GloveboxError('server/error', `${what(call)} was not answered with JSON.`, {
      hint: 'Check that the address is that of a Jupyter server.',
      cause: error,
    });
  }
}

function isGood({ status }: HttpResponse): boolean {
  return status >= 200 && status < 300;
}

function what({ method, path }: Call): string {
  return `${method} /${path}`;
}

function refused(call: Call, { status, text }: HttpResponse): GloveboxError {
  return new GloveboxError(
    'server/refused',
    `${what(call)} was refused with status ${status}${errorTextOf(text)}.`,
    {
      hint: 'The address may belong to another Jupyter server by now. sandbox_list shows what runs.',
    },
  );
}

function unexpected(call: Call, { status, text }: HttpResponse): GloveboxError {
  return new GloveboxError(
    'server/error',
    `${what(call)} was answered with status ${status}${errorTextOf(text)}.`,
    {
      hint: "Look at the last lines of the server's log: sandbox_list with the sandbox's id shows them.",
    },
  );
}
