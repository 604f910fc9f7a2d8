/** What is kept on this machine about one rented machine, so that no crash leaves one that nobody knows of. No secrets. */
import * as z from 'zod';
import type { JsonObject } from '#core/json.ts';
import type { SandboxHandle } from '../backend.ts';
import { OwnRecord } from '../own-record.ts';
import { recordedEnd, recordedProcess } from '../recorded.ts';
import type { Provider } from './provider.ts';

const lease = z.object({
  projectDir: z.string(),
  /**
   * - `preparing`: nothing is rented; `starter` checks, builds, fetches.
   * - `creating`: `starter` is about to ask, or has asked, for a machine marked with `op`.
   * - `running`: `machineId` was created, and is not known to have ended.
   * - `stopping`: somebody ends it, or its end could not be confirmed.
   * - `ended`: it is gone; `end` says why.
   */
  phase: z.enum(['preparing', 'creating', 'running', 'stopping', 'ended']),
  generation: z.number(),
  /** New with each start; whoever finds another one here has lost the right to go on. */
  claim: z.string(),
  starter: recordedProcess,
  startedMs: z.number(),
  /** Who pays, where a person can let several accounts pay. */
  account: z.string().exactOptional(),
  /** The mark of the request for a machine: whatever carries it is ours. */
  op: z.string().exactOptional(),
  /** From which, with the account's secret, the token of the Jupyter server is made. */
  nonce: z.string().exactOptional(),
  /** The provider's own name of it. */
  machineId: z.string().exactOptional(),
  /** What Jupyter listens on, inside. */
  port: z.number().exactOptional(),
  /** How it is reached, where its provider has several ways; in the words of the provider. */
  access: z.string().exactOptional(),
  /** What it runs on, in the provider's words. */
  hardware: z.string().exactOptional(),
  usdPerHour: z.number().exactOptional(),
  /** What machines that were rented on the way to it have cost at most. */
  beforehandUsd: z.number().exactOptional(),
  lifetimeMs: z.number().exactOptional(),
  deadlineMs: z.number().exactOptional(),
  readyMs: z.number().exactOptional(),
  stoppingMs: z.number().exactOptional(),
  /** True while its starter may still have a request under way that no list shows yet. */
  isAsking: z.boolean().exactOptional(),
  end: recordedEnd.exactOptional(),
});
export type Lease = Readonly<z.output<typeof lease>>;
export type LeaseRecord = OwnRecord<Lease>;

export const leaseOf = ({ dir, clock }: Provider, id: string): LeaseRecord =>
  new OwnRecord({ dir: dir(), id, clock, name: 'lease', parse: (raw) => lease.parse(raw) });

/** What finds rented machines again: of a lease, or of what Glovebox's own record remembers when there is no lease. */
const trace = lease.pick({
  account: true,
  op: true,
  nonce: true,
  machineId: true,
  port: true,
  access: true,
  deadlineMs: true,
  usdPerHour: true,
});
export type Trace = Readonly<z.output<typeof trace>>;

/** The lease is right about everything; without one, what was remembered is all there is. */
export const traceOf = (
  known: Lease | undefined,
  remembered: SandboxHandle['data'],
): Trace | undefined => {
  const parsed = trace.safeParse(known ?? remembered);
  return parsed.success ? parsed.data : undefined;
};

/** For `remember`: enough for another machine of the same account. */
export function rememberedOf({
  account,
  op,
  nonce,
  machineId,
  port,
  access,
  deadlineMs,
  beforehandUsd = 0,
  phase,
}: Lease): JsonObject {
  return {
    // Also nothing: what is remembered may be of an earlier life.
    beforehandUsd,
    isRented: phase === 'running',
    ...(account !== undefined && { account }),
    ...(op !== undefined && { op }),
    ...(nonce !== undefined && { nonce }),
    ...(machineId !== undefined && { machineId }),
    ...(port !== undefined && { port }),
    ...(access !== undefined && { access }),
    ...(deadlineMs !== undefined && { deadlineMs }),
  };
}

/** A machine as its provider knows it. */
export interface Machine {
  readonly id: string;
  readonly account?: string | undefined;
}

/** A machine with what it takes to speak to the server in it. */
export interface ServerMachine extends Machine {
  readonly sandboxId: string;
  readonly nonce: string;
  readonly port?: number | undefined;
  readonly access?: string | undefined;
}

export function machineIn(sandboxId: string, found: Trace | undefined): ServerMachine | undefined {
  const { machineId: id, nonce, account, port, access } = found ?? {};
  return id === undefined || nonce === undefined
    ? undefined
    : { sandboxId, id, nonce, account, port, access };
}
