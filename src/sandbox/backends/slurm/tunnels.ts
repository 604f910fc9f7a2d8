/** The ports of this machine that lead to servers on nodes: one way for each server, shared by the processes of this machine. */
import type { Endpoint } from '#core/endpoint.ts';
import { abandonOn } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import type { NodePlace } from './node-step.ts';
import type { JobRecord, JobStore, ServerPlace } from './record.ts';
import type { SlurmContext } from './settings.ts';
import { openWay, type Way } from './ways.ts';

const OPEN_LIMIT_MS = 15_000;

interface Tunnel {
  readonly folder: string;
  readonly way: Way;
  /** Where it listens; from the first time that somebody wants to go through. */
  port?: Promise<number>;
}

/** What is needed to reach one server. */
export interface Destination {
  readonly id: string;
  readonly at: NodePlace;
  readonly server: ServerPlace;
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
    const tunnel = await this.open(to, signal);
    tunnel.port ??= this.#listen(to, tunnel);
    return tunnel.port;
  }

  /** A way of this process into the job. @throws as `Host.open`. */
  async open(to: Pick<Destination, 'id' | 'at' | 'record'>, signal: AbortSignal): Promise<Tunnel> {
    const { id } = to;
    const own = this.#own.get(id);
    if (own?.folder === to.at.folder) return own;
    // One attempt for all who want it; who gives up ends only the own wait.
    const opening = this.#opening.get(id) ?? this.#open(to);
    this.#opening.set(id, opening);
    return abandonOn(
      opening.finally(() => this.#opening.delete(id)),
      signal,
    );
  }

  /** Why connections through the way of this process fail, where that is known. */
  obstacle(id: string): string | undefined {
    return this.#own.get(id)?.way.obstacle;
  }

  close(id: string): void {
    this.#own.get(id)?.way.close();
    this.#own.delete(id);
  }

  closeAll(): void {
    this.#closing.abort();
    for (const id of this.#own.keys()) this.close(id);
  }

  async #open({ id, at, record }: Pick<Destination, 'id' | 'at' | 'record'>): Promise<Tunnel> {
    const { signal } = this.#closing;
    this.close(id);
    const way = await openWay(this.#context, { record, at, timeoutMs: OPEN_LIMIT_MS, signal });
    const tunnel = { folder: at.folder, way };
    this.#own.set(id, tunnel);
    void way.lost.then((reason) => {
      this.#context.log.info(`The way to sandbox ${id} is lost: ${messageOf(reason)}`);
      if (this.#own.get(id) === tunnel) this.#own.delete(id);
      return undefined;
    });
    return tunnel;
  }

  async #listen(to: Destination, { way }: Tunnel): Promise<number> {
    const { port } = await way.listen(to.server, this.#lastPorts.get(to.id));
    this.#lastPorts.set(to.id, port);
    await this.#note(to, (current) => ({ ...current, relay: { port, owner: currentIdentity() } }));
    void way.lost.then(() =>
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
