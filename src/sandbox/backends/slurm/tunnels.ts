/** The ways from this machine to the servers on nodes: one relay per server, shared by the processes of this machine. */
import type { Endpoint } from '#core/endpoint.ts';
import { abandonOn } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import type { Relay } from '#platform/relay.ts';
import { insidePrefix, type NodePlace } from './node-step.ts';
import type { JobRecord, JobStore, ServerPlace } from './record.ts';
import type { SlurmContext } from './settings.ts';

const OPEN_LIMIT_MS = 15_000;

interface Tunnel {
  readonly folder: string;
  readonly relay: Relay;
  /** Where it listens; from the first time that somebody wants to go through. */
  port?: Promise<number>;
}

/** What is needed to reach one server. */
export interface Destination {
  readonly id: string;
  readonly at: NodePlace;
  readonly address: ServerPlace['address'];
  readonly record: JobRecord;
  readonly store: JobStore;
}

export class Tunnels {
  readonly #context: SlurmContext;
  readonly #own = new Map<string, Tunnel>();
  readonly #opening = new Map<string, Promise<Tunnel>>();
  /** A new relay listens where the last one did, so that what is connected there finds its way again. */
  readonly #lastPorts = new Map<string, number>();
  readonly #closing = new AbortController();

  constructor(context: SlurmContext) {
    this.#context = context;
  }

  /**
   * The local port that leads to the server. A relay of another living process is used; a step costs the controller a call, and
   * a job may have few. `distrust`: that one gave no answer, so ours is opened.
   *
   * @throws as `Host.open`.
   */
  async port(to: Destination, distrust: boolean, signal: AbortSignal): Promise<number> {
    const { relay: noted } = to.record;
    const hasOwn = this.#own.get(to.id)?.folder === to.at.folder;
    if (!hasOwn && noted !== undefined && lifeOf(noted.owner) === 'alive') {
      if (!distrust || isThisProcess(noted.owner)) return noted.port;
    }
    const tunnel = await this.open(to.id, to.at, signal);
    tunnel.port ??= this.#listen(to, tunnel);
    return tunnel.port;
  }

  /** A relay of this process into the allocation. @throws as `Host.open`. */
  async open(id: string, at: NodePlace, signal: AbortSignal): Promise<Tunnel> {
    const own = this.#own.get(id);
    if (own?.folder === at.folder) return own;
    // One attempt for all who want it; who gives up ends only the own wait.
    const opening = this.#opening.get(id) ?? this.#open(id, at);
    this.#opening.set(id, opening);
    return abandonOn(
      opening.finally(() => this.#opening.delete(id)),
      signal,
    );
  }

  close(id: string): void {
    this.#own.get(id)?.relay.close();
    this.#own.delete(id);
  }

  closeAll(): void {
    this.#closing.abort();
    for (const id of this.#own.keys()) this.close(id);
  }

  async #open(id: string, at: NodePlace): Promise<Tunnel> {
    const { host, openRelay, log } = this.#context;
    const { signal } = this.#closing;
    this.close(id);
    const prefix = insidePrefix(at);
    const relay = await openRelay(await host(), { prefix, timeoutMs: OPEN_LIMIT_MS, signal });
    const tunnel = { folder: at.folder, relay };
    this.#own.set(id, tunnel);
    void relay.lost.then((reason) => {
      log.info(`The relay to sandbox ${id} is lost: ${messageOf(reason)}`);
      if (this.#own.get(id) === tunnel) this.#own.delete(id);
      return undefined;
    });
    return tunnel;
  }

  async #listen(to: Destination, { relay }: Tunnel): Promise<number> {
    const { address } = to;
    const target = 'socket' in address ? address : { port: address.port };
    const wanted = this.#lastPorts.get(to.id);
    const { port } = await relay.listen(target, wanted === undefined ? {} : { port: wanted });
    this.#lastPorts.set(to.id, port);
    await this.#note(to, (current) => ({ ...current, relay: { port, owner: currentIdentity() } }));
    void relay.lost.then(() =>
      this.#note(to, ({ relay: noted, ...rest }) =>
        noted === undefined || noted.port === port ? rest : { ...rest, relay: noted },
      ),
    );
    return port;
  }

  /** For other processes; that it fails is no reason not to go on. */
  async #note(
    { id, record, store }: Destination,
    change: (current: JobRecord) => JobRecord,
  ): Promise<void> {
    await store
      .update((current) => (current.nonce === record.nonce ? change(current) : current))
      .catch((error: unknown) => this.#context.log.debug(`Relay of ${id}: ${messageOf(error)}`));
  }
}

function isThisProcess({ pid, startTime }: { pid: number; startTime: string }): boolean {
  const own = currentIdentity();
  return own.pid === pid && own.startTime === startTime;
}

export const endpointAt = (port: number, token: string): Endpoint => ({
  baseUrl: `http://127.0.0.1:${port}/`,
  headers: { Authorization: `token ${token}` },
});
