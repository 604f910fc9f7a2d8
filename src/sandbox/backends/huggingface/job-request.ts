/** Puts together the request for a Job: what it runs, what it sees, and the labels by which it is found again. */
import { KERNEL_PACKAGES, SERVER_PACKAGES } from '#sandbox/kernel-packages.ts';
import { layoutBelow } from '#sandbox/layout.ts';
import { commandFor, serverSpec } from '#sandbox/rented-server.ts';
import { deriveToken } from '#sandbox/server-token.ts';
import type { Attempt } from './attempt.ts';
import type { HubJobRequest } from './hub-jobs.ts';
import { LABEL, ownerLabel, projectLabel } from './labels.ts';
import type { HuggingfaceOptions } from './options.ts';
import type { Prepared } from './prepare.ts';

/** The server looks once a minute, and whoever ended a kernel may ask for another one. */
const EMPTY_SERVER_S = 120;

export interface Marks {
  readonly op: string;
  readonly nonce: string;
  readonly deadlineMs: number;
}

export async function jobRequest(
  { options, context, huggingface, claimed }: Attempt,
  { account, flavor, secrets }: Prepared,
  { op, nonce, deadlineMs }: Marks,
): Promise<HubJobRequest> {
  const { limits = {}, hub, settings } = huggingface;
  const { pythonDir, root } = settings();
  const layout = (await huggingface.layout?.()) ?? layoutBelow(root, options.jupyter_port);
  const spec = serverSpec({
    layout,
    idleS: limits.idleS ?? options.idle_timeout_seconds,
    emptyServerS: limits.emptyServerS ?? EMPTY_SERVER_S,
    envNames: [...Object.keys(options.env), ...Object.keys(secrets)],
    paths: {},
    models: [],
    weights: [],
    writable: [],
  });
  const token = deriveToken(await hub.token(), nonce);
  return {
    command: await commandFor('job_entry.py', { pythonDir, state: layout.state }),
    arguments: [],
    environment: {
      ...options.env,
      PYTHONUNBUFFERED: '1',
      GLOVEBOX_SPEC: JSON.stringify(spec),
      GLOVEBOX_INSTALL: JSON.stringify(packagesOf(options, flavor.gpu !== undefined)),
    },
    // What stands in the environment, the command or the labels can be read on the page of the Job.
    secrets: { ...secrets, GLOVEBOX_TOKEN: token },
    flavor: flavor.name,
    dockerImage: options.image,
    timeoutSeconds: options.max_lifetime_seconds,
    labels: {
      ...options.labels,
      [LABEL.glovebox]: '1',
      [LABEL.id]: context.id,
      [LABEL.name]: context.id,
      [LABEL.owner]: ownerLabel(account),
      [LABEL.project]: projectLabel(context.projectDir),
      [LABEL.op]: op,
      [LABEL.nonce]: nonce,
      [LABEL.port]: String(layout.port),
      [LABEL.deadline]: String(deadlineMs),
      [LABEL.generation]: String(claimed.generation),
    },
    ...(options.volumes.length > 0 && {
      volumes: options.volumes.map(({ type, source, mount, revision, read_only: readOnly }) => ({
        type,
        source,
        mountPath: mount,
        ...(revision !== undefined && { revision }),
        ...(type === 'bucket' ? readOnly !== undefined && { readOnly } : { readOnly: true }),
      })),
    }),
    expose: { ports: [layout.port] },
  };
}

function packagesOf(
  { kernel_packages: wanted, python_packages: own }: HuggingfaceOptions,
  hasGpu: boolean,
): readonly string[] {
  const set =
    typeof wanted === 'string'
      ? wanted === 'auto'
        ? hasGpu
          ? 'torch'
          : 'api'
        : wanted
      : undefined;
  const kernel = typeof wanted === 'string' ? KERNEL_PACKAGES[set ?? 'minimal'] : wanted;
  return [...SERVER_PACKAGES, ...kernel, ...own];
}
