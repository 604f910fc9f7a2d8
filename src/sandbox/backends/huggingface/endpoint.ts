/** How the Jupyter server in a Job is reached: through the proxy of the Hub, or by SSH. */
import path from 'node:path';
import type { Endpoint } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';
import { sandboxFolder } from '#sandbox/records.ts';
import type { ServerMachine } from '#sandbox/rented/lease.ts';
import { deriveToken } from '#sandbox/server-token.ts';
import type { HubJob } from './hub-jobs.ts';
import type { HuggingfaceContext, HuggingfaceParts } from './settings.ts';

/** The header of our own server that carries its token: the proxy wants the usual one for itself. See `python/serve.py`. */
const TOKEN_HEADER = 'X-Glovebox-Token';
const TOKEN_FILE = 'server-token';

const tokenFile = ({ settings }: HuggingfaceContext, id: string): string =>
  path.join(sandboxFolder(settings().dir, id), TOKEN_FILE);

/** Kept beside the record, 0600: when the token of the account is replaced, the sandbox can still be used from here. */
export async function keepServerToken(
  id: string,
  nonce: string,
  huggingface: HuggingfaceContext,
): Promise<void> {
  const file = tokenFile(huggingface, id);
  await ensurePrivateFolder(path.dirname(file));
  await writeFileAtomic(file, `${nonce} ${deriveToken(await huggingface.hub.token(), nonce)}`);
}

async function serverToken(
  id: string,
  nonce: string,
  huggingface: HuggingfaceContext,
): Promise<string> {
  const [keptNonce, kept] = (await readTextIfExists(tokenFile(huggingface, id)))?.split(' ') ?? [];
  return keptNonce === nonce && kept !== undefined
    ? kept
    : deriveToken(await huggingface.hub.token(), nonce);
}

/**
 * Both gates: the proxy of the Hub wants a token of the Hub, the server behind it its own. By SSH there is no proxy, and the Job is
 * shown nothing of the Hub's.
 *
 * @throws as `SshWays.port`; `server/unreachable` as long as the Hub tells no address, `http/refused` for one that is not where Jobs are.
 */
export async function endpointOf(
  { sandboxId, nonce, port = 0 }: ServerMachine,
  job: HubJob,
  huggingface: HuggingfaceParts,
  signal?: AbortSignal,
): Promise<Endpoint> {
  const [url] = job.exposeUrls;
  const { sshUrl } = job;
  if (url === undefined && sshUrl !== undefined) {
    const near = await huggingface.ways.port({ ...job, sshUrl }, port, signal);
    const headers = { [TOKEN_HEADER]: await serverToken(sandboxId, nonce, huggingface) };
    return { baseUrl: `http://127.0.0.1:${near}/`, headers };
  }
  if (url === undefined)
    throw new GloveboxError(
      'server/unreachable',
      `The Hub tells no address of the Job ${job.id} yet.`,
    );
  const { proxyToken, hubUrl } = huggingface.settings();
  const base = checkAddress(url, hubUrl);
  return {
    baseUrl: base.href.endsWith('/') ? base.href : `${base.href}/`,
    headers: {
      Authorization: `Bearer ${proxyToken ?? (await huggingface.hub.token())}`,
      [TOKEN_HEADER]: await serverToken(sandboxId, nonce, huggingface),
    },
  };
}

/** The headers with another token for the server. */
export const withToken = ({ headers }: Endpoint, token: string): Endpoint['headers'] => ({
  ...headers,
  [TOKEN_HEADER]: token,
});

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

/** The token goes to hosts of Jobs only; with a Hub on this machine, also to ports of this machine. */
function checkAddress(text: string, hubUrl: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOfJobs =
    url?.protocol === 'https:' &&
    url.port === '' &&
    url.username === '' &&
    url.password === '' &&
    url.hostname.endsWith('.hf.jobs');
  const isOfTest = url !== undefined && isLoopback(url) && isLoopback(new URL(hubUrl));
  if (url !== undefined && (isOfJobs || isOfTest)) return url;
  throw new GloveboxError(
    'http/refused',
    `The Hub names an address of the Job that is not below hf.jobs: nothing was sent to it.`,
  );
}
