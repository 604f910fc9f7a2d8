/** The ways from this machine to the servers on nodes: one relay per server, shared by the processes of this machine. */
import type { Endpoint } from '#core/endpoint.ts';
import { messageOf } from '#core/errors.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import { stepArgv } from './node-step.ts';
import type { Job, JobRecord, JobStore, ServerPlace } from './record.ts';
import { withoutHabits } from './scheduler-command.ts';
import type { Relay, RelayTarget, SlurmContext } from './settings.ts';

interface Tunnel {
  readonly folder: string;
  readonly relay: Relay;
}

/** What is needed to reach one server. */
export interface Destination {
  readonly id: string;
  readonly job: Job;
  readonly place: ServerPlace;
  readonly record: JobRecord;
  readonly store: JobStore;
}

export class Tunnels {
  readonly #context: SlurmContext;
  readonly #own = new Map<string, Tunnel>();
  readonly #opening = new Map<string, Promise<number>>();

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
    const own = this.#own.get(to.id);
    if (own?.folder === to.place.folder) return own.relay.port;
    const { relay } = to.record;
    const isOthers = relay !== undefined && !isOurs(relay.owner);
    const isAlive = relay !== undefined && lifeOf(relay.owner) === 'alive';
    if (relay !== undefined && isAlive && !(distrust && isOthers)) return relay.port;
    const opening = this.#opening.get(to.id) ?? this.#open(to, signal);
    this.#opening.set(to.id, opening);
    return opening.finally(() => this.#opening.delete(to.id));
  }

  close(id: string): void {
    this.#own.get(id)?.relay.close();
    this.#own.delete(id);
  }

  closeAll(): void {
    for (const id of this.#own.keys()) this.close(id);
  }

  async #open(to: Destination, signal: AbortSignal): Promise<number> {
    const { host, openRelay, clock, log } = this.#context;
    this.close(to.id);
    const { folder, node, address } = to.place;
    const argv = withoutHabits(stepArgv(to.job, node, ['/bin/bash', `${folder}/relay`]));
    const target: RelayTarget =
      'socket' in address ? address : { host: address.ip, port: address.port };
    const relay = await openRelay({ host: await host(), argv, target, clock, log, signal });
    this.#own.set(to.id, { folder, relay });
    relay.onLost((reason) => {
      log.info(`The relay to sandbox ${to.id} is lost: ${reason}`);
      if (this.#own.get(to.id)?.relay === relay) this.#own.delete(to.id);
      void this.#note(to, ({ relay: noted, ...rest }) =>
        noted !== undefined && noted.port !== relay.port ? { ...rest, relay: noted } : rest,
      );
    });
    const { port } = relay;
    await this.#note(to, (current) => ({ ...current, relay: { port, owner: currentIdentity() } }));
    return port;
  }

  /** For other processes; that it fails is no reason not to go on. */
  async #note(to: Destination, change: (current: JobRecord) => JobRecord): Promise<void> {
    await to.store
      .update((current) => (current.claim === to.record.claim ? change(current) : current))
      .catch((error: unknown) => this.#context.log.debug(`Relay of ${to.id}: ${messageOf(error)}`));
  }
}

const isOurs = ({ pid, startTime }: { pid: number; startTime: string }): boolean => {
  const own = currentIdentity();
  return own.pid === pid && own.startTime === startTime;
};

export const endpointAt = (port: number, token: string): Endpoint => ({
  baseUrl: `http://127.0.0.1:${port}/`,
  headers: { Authorization: `token ${token}` },
});
