/** Finds sandboxes of a project, in every namespace of the person. A label is a hint: the server in the Job has to know the token too. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { inParallel } from '#core/in-parallel.ts';
import type { SandboxHandle } from '#sandbox/backend.ts';
import { believeProvider, wasAskedFromHere } from '#sandbox/rented/believe-provider.ts';
import { machineIn, traceOf, type ServerMachine } from '#sandbox/rented/lease.ts';
import { handleFromMarks, marksOfProject } from '#sandbox/rented/marks.ts';
import type { Provider } from '#sandbox/rented/provider.ts';
import { checkHealth } from '#sandbox/server-health.ts';
import { newNonce } from '#sandbox/server-token.ts';
import { endpointOf, withToken } from './endpoint.ts';
import type { HubJob } from './hub-jobs.ts';
import type { HuggingfaceParts } from './settings.ts';

const HEALTH_MS = 5000;
/** Few people are in more organisations, and each is a request. */
const MAX_NAMESPACES = 16;
const MAX_PARALLEL = 4;
const CLOSED = ['remote/forbidden', 'remote/not-found'] as const;

export async function discoverJobs(
  projectDir: string,
  huggingface: HuggingfaceParts,
  provider: Provider,
  signal: AbortSignal,
): Promise<readonly SandboxHandle[]> {
  const { hub, settings } = huggingface;
  const account = await hub.account(signal).catch((error: unknown) => {
    // Who has no account has no sandboxes there.
    if (isGloveboxError(error, 'remote/auth-required')) return undefined;
    throw error;
  });
  if (account === undefined) return [];
  const labels = marksOfProject(account.name, projectDir);
  const configured = settings().namespace;
  const namespaces = [
    ...new Set([
      ...(configured === undefined ? [] : [configured]),
      account.name,
      ...account.organisations,
    ]),
  ].slice(0, MAX_NAMESPACES);
  const found = await inParallel(namespaces, MAX_PARALLEL, async (namespace) => {
    const jobs = await hub.list(namespace, labels, signal).catch((error: unknown) => {
      throwIfAborted(signal);
      // Not every member of an organisation may see its Jobs, and who may not has none there.
      if (!CLOSED.some((code) => isGloveboxError(error, code)))
        huggingface.log.warn(`Jobs of ${namespace} cannot be listed: ${messageOf(error)}`);
      return [];
    });
    const handles: SandboxHandle[] = [];
    for (const job of jobs) {
      // What somebody else started may have been made to look like ours, so that we show it a token.
      const isMine = (job.initiator ?? account.name) === account.name;
      const marked = { id: job.id, account: namespace, marks: job.labels };
      const handle = handleFromMarks(marked, projectDir);
      if (job.isFinal || !isMine || handle === undefined) continue;
      const machine = machineIn(handle.id, traceOf(undefined, handle.data));
      if (machine === undefined) continue;
      const isKnown = await wasAskedFromHere(handle, provider);
      if (!isKnown && !(await isOurs(machine, job, huggingface, signal))) continue;
      if (await believeProvider(handle, provider, signal)) handles.push(handle);
    }
    return handles;
  });
  return found.flat();
}

async function isOurs(
  machine: ServerMachine,
  job: HubJob,
  huggingface: HuggingfaceParts,
  signal: AbortSignal,
): Promise<boolean> {
  if (job.exposeUrls.length === 0 && job.sshUrl === undefined) return false;
  try {
    const endpoint = await endpointOf(machine, job, huggingface, signal);
    // Whoever takes any token is not ours, and is not shown the right one.
    const wrong = { ...endpoint, headers: withToken(endpoint, newNonce()) };
    if ((await checkHealth(wrong, HEALTH_MS, signal)) !== 'foreign') return false;
    return (await checkHealth(endpoint, HEALTH_MS, signal)) === 'ours';
  } catch (error) {
    // What cannot be reached from here is not taken over unseen.
    if (isGloveboxError(error, 'http/refused') || isGloveboxError(error, 'host/login-needed'))
      return false;
    throw error;
  }
}
