/** The ways from this machine into a job: what its server left there is read, and connections lead to it. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { createDirectRoute } from '#platform/direct-route.ts';
import { listenPinned } from '#platform/pinned-tls.ts';
import type { RelayListener } from '#platform/relay-socket.ts';
import { besidePrefix, insidePrefix, runOnNode, type NodePlace } from './node-step.ts';
import type { JobRecord, ServerPlace } from './record.ts';
import type { SlurmContext } from './settings.ts';

export interface Way {
  /**
   * What the node hands over of its server: a small file, undefined when it is not there.
   *
   * @throws as `Host.open`.
   */
  readFile(name: 'endpoint.json' | 'token', signal: AbortSignal): Promise<string | undefined>;
  /** A port of 127.0.0.1 that leads to the server; `port` where that is free. */
  listen(server: ServerPlace, port: number | undefined): Promise<RelayListener>;
  /** Resolves, once, when it leads nowhere any more. One that heals by itself is never lost. */
  readonly lost: Promise<GloveboxError>;
  /** Why the last connection failed, where it is known. */
  readonly obstacle: string | undefined;
  /** Idempotent. */
  close(): void;
}

export interface WayOptions {
  readonly record: JobRecord;
  readonly at: NodePlace;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** @throws as `Host.open`. */
export async function openWay(context: SlurmContext, options: WayOptions): Promise<Way> {
  const { tunnel = 'step' } = options.record;
  return tunnel === 'direct' || tunnel === 'forward'
    ? networkWay(context, options)
    : relayWay(context, options);
}

/** One process on the node that carries everything; as a step of the job, or started by the node's own sshd. */
async function relayWay(
  context: SlurmContext,
  { record, at, timeoutMs, signal }: WayOptions,
): Promise<Way> {
  const isStep = record.tunnel !== 'node-ssh';
  const host = isStep ? await context.host() : await context.nodeHost(at.node);
  const prefix = isStep ? insidePrefix(at) : besidePrefix(at);
  const relay = await context.openRelay(host, { prefix, timeoutMs, signal }).catch((error) => {
    throw isStep ? error : sshRefused(at.node, error);
  });
  return {
    readFile: (name, given) => relay.readFile(`${at.folder}/${name}`, { signal: given }),
    listen: ({ address }, port) =>
      relay.listen(
        'socket' in address ? address : { port: address.port },
        port === undefined ? {} : { port },
      ),
    lost: relay.lost,
    obstacle: undefined,
    close: () => relay.close(),
  };
}

/** TLS to the node's own address. Files come by the shared disk, or by a step where there is none. */
function networkWay(context: SlurmContext, { record, at, timeoutMs }: WayOptions): Way {
  const { jobDir, sharedDisk, start, tunnel } = record;
  const number = start?.restarts ?? 0;
  const published = { 'endpoint.json': `endpoint-${number}.json`, token: `token-${number}` };
  const closers: (() => void)[] = [];
  let obstacle: string | undefined;
  return {
    async readFile(name, signal) {
      const host = await context.host();
      if (sharedDisk !== false) return host.readFile(`${jobDir}/${published[name]}`, { signal });
      const argv = ['/bin/cat', '--', `${at.folder}/${name}`];
      const { code, stdout } = await runOnNode(context, record, at, argv, { signal, timeoutMs });
      return code === 0 ? stdout : undefined;
    },
    async listen({ address, fingerprint }, port) {
      if (!('ip' in address) || fingerprint === undefined) throw notOnNetwork();
      const to = { host: address.ip, port: address.port };
      const route =
        tunnel === 'forward' ? (await context.host()).routeTo(to) : createDirectRoute(to);
      const listener = await listenPinned(
        { route, fingerprint },
        {
          ...(port !== undefined && { port }),
          onFailure: (error) => (obstacle = messageOf(error)),
        },
      );
      closers.push(() => {
        listener.close();
        route.close();
      });
      return listener;
    },
    lost: new Promise(() => undefined),
    get obstacle() {
      return obstacle;
    },
    close: () => {
      for (const close of closers.splice(0)) close();
    },
  };
}

function notOnNetwork(): GloveboxError {
  return new GloveboxError('server/unreachable', 'The server of the job is on no network.', {
    hint: 'Stop the sandbox and start another one.',
  });
}

function sshRefused(node: string, error: unknown): unknown {
  if (!isGloveboxError(error) || error.code === 'cancelled') return error;
  return new GloveboxError(error.code, `${node} by SSH: ${error.message}`, {
    hint: `GLOVEBOX_TUNNEL=node-ssh needs a node that lets you in while your job runs there: "ssh ${node} true" from the login node. Without the setting, a step of the job is used.`,
    cause: error,
  });
}
