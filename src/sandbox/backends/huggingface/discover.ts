/** Finds sandboxes of a project that no record names. A label is a hint: the server in the Job has to know the token too. */
import { isGloveboxError } from '#core/errors.ts';
import type { SandboxHandle } from '#sandbox/backend.ts';
import { newNonce } from '#sandbox/server-token.ts';
import { checkHealth, endpointOf, withToken } from './endpoint.ts';
import type { HubJob } from './hub-jobs.ts';
import { LABEL, ownerLabel, projectLabel } from './labels.ts';
import type { HuggingfaceContext } from './settings.ts';

const HEALTH_MS = 5000;

export async function discoverJobs(
  projectDir: string,
  huggingface: HuggingfaceContext,
  signal: AbortSignal,
): Promise<readonly SandboxHandle[]> {
  const { hub, settings } = huggingface;
  const account = await hub.account(signal).catch((error: unknown) => {
    // Who has no account has no sandboxes there.
    if (isGloveboxError(error, 'remote/auth-required')) return undefined;
    throw error;
  });
  if (account === undefined) return [];
  const labels = {
    [LABEL.glovebox]: '1',
    [LABEL.owner]: ownerLabel(account.name),
    [LABEL.project]: projectLabel(projectDir),
  };
  const configured = settings().namespace;
  const found: SandboxHandle[] = [];
  for (const namespace of new Set([
    account.name,
    ...(configured === undefined ? [] : [configured]),
  ]))
    for (const job of await hub.list(namespace, labels, signal)) {
      // What somebody else started may have been made to look like ours, so that we show it a token.
      const isMine = (job.initiator ?? account.name) === account.name;
      const handle = handleFrom(job, namespace, projectDir);
      if (job.isFinal || !isMine || handle === undefined) continue;
      const nonce = job.labels[LABEL.nonce] ?? '';
      if (await isOurs(handle.id, nonce, job, huggingface, signal)) found.push(handle);
    }
  return found;
}

async function isOurs(
  id: string,
  nonce: string,
  job: HubJob,
  huggingface: HuggingfaceContext,
  signal: AbortSignal,
): Promise<boolean> {
  if (job.exposeUrls.length === 0) return false;
  try {
    const endpoint = await endpointOf(id, { nonce }, job, huggingface);
    // Whoever takes any token is not ours, and is not shown the right one.
    const wrong = { ...endpoint, headers: withToken(endpoint, newNonce()) };
    if ((await checkHealth(wrong, HEALTH_MS, signal)) !== 'foreign') return false;
    return (await checkHealth(endpoint, HEALTH_MS, signal)) === 'ours';
  } catch (error) {
    if (isGloveboxError(error, 'http/refused')) return false;
    throw error;
  }
}

/** What labels tell of a sandbox. */
function handleFrom(
  { id: jobId, labels }: HubJob,
  namespace: string,
  projectDir: string,
): SandboxHandle | undefined {
  const id = labels[LABEL.id];
  const nonce = labels[LABEL.nonce];
  const op = labels[LABEL.op];
  if (id === undefined || nonce === undefined || op === undefined) return undefined;
  const deadlineMs = Number(labels[LABEL.deadline]) || 0;
  const generation = Number(labels[LABEL.generation]) || 1;
  return { id, projectDir, generation, data: { namespace, jobId, nonce, op, deadlineMs } };
}
