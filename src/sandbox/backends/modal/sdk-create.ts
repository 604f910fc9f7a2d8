/** Creates sandboxes, with the secrets and volumes they name. */
import type { Image, Sandbox, Volume } from 'modal';
import { GloveboxError } from '#core/errors.ts';
import type { SdkClient } from './sdk-client.ts';
import type { SandboxSpec, VolumeMount } from './sdk-specs.ts';
import { variablesIn } from './header-secrets.ts';
import { isNotFound } from './translate.ts';

/** See `ModalSdk.create`. The object knows more of the sandbox than one that is asked for by its id. */
export async function createSandbox(
  client: SdkClient,
  image: Image,
  spec: SandboxSpec,
  onCreated: (modalId: string) => void,
): Promise<Sandbox> {
  return client.call({ onCreated }, async () => {
    const app = await client.app();
    const { network = {} } = spec;
    const secrets = await secretsOf(client, spec);
    const volumes = Object.fromEntries(
      await Promise.all(
        spec.volumes.map(async (mount) => [mount.mount, await volumeOf(client, mount)] as const),
      ),
    );
    const sandbox = await client.raw.sandboxes.create(app, image, {
      name: spec.name,
      command: [...spec.command],
      tags: { ...spec.tags },
      timeoutMs: spec.timeoutMs,
      encryptedPorts: [...spec.ports],
      volumes,
      secrets,
      env: { ...spec.env },
      ...defined({
        idleTimeoutMs: spec.idleTimeoutS === undefined ? undefined : spec.idleTimeoutS * 1000,
        gpu: spec.gpu,
        cpu: spec.cpu,
        cpuLimit: spec.cpuLimit,
        memoryMiB: spec.memoryMiB,
        memoryLimitMiB: spec.memoryLimitMiB,
        cloud: spec.cloud,
        blockNetwork: network.block,
        regions: spec.region === undefined ? undefined : [spec.region],
        outboundDomainAllowlist: copy(network.domains),
        outboundCidrAllowlist: copy(network.cidrs),
        inboundCidrAllowlist: copy(network.inboundCidrs),
        experimentalOptions: spec.experimental,
        experimentalOutboundPolicy: await outboundPolicy(client, spec),
      }),
    });
    sandbox.detach();
    return sandbox;
  });
}

async function secretsOf(client: SdkClient, { secrets, namedSecrets = [] }: SandboxSpec) {
  const own = secrets === undefined ? [] : [await client.raw.secrets.fromObject({ ...secrets })];
  const named = await Promise.all(
    namedSecrets.map(({ name, keys }) => namedSecret(client, name, keys)),
  );
  return [...own, ...named];
}

async function outboundPolicy(client: SdkClient, { headerSecrets = [] }: SandboxSpec) {
  if (headerSecrets.length === 0) return undefined;
  const { ExperimentalOutboundPolicy } = await import('modal');
  let policy = new ExperimentalOutboundPolicy();
  for (const { domain, secret: name, headers } of headerSecrets) {
    const secret = await namedSecret(client, name, variablesIn(headers));
    policy = policy.withHeaderReplacement({ domain, secret, headers: { ...headers } });
  }
  return policy;
}

/** @throws `remote/not-found` naming one that does not exist. */
export async function namedSecret(client: SdkClient, name: string, keys: readonly string[]) {
  return client.raw.secrets.fromName(name, { requiredKeys: [...keys] }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    throw new GloveboxError(
      'remote/not-found',
      `There is no secret "${name}" with ${keys.join(', ') || 'these keys'} at Modal.`,
      { hint: `Make it in the Modal dashboard or with "modal secret create ${name}".` },
    );
  });
}

async function volumeOf(
  client: SdkClient,
  { name, readOnly, subPath }: VolumeMount,
): Promise<Volume> {
  const volume = await client.raw.volumes.fromName(name, { createIfMissing: true, version: 2 });
  return volume.withMountOptions(defined({ readOnly, subPath }));
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined: to the SDK, a key that is there means something. */
function defined<T extends object>(values: T): Defined<T> {
  const result: Defined<T> = {};
  Object.assign(
    result,
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
  );
  return result;
}

const copy = (list: readonly string[] | undefined): string[] | undefined =>
  list === undefined ? undefined : [...list];
