/** Decides how the server of a new job will be reached, and so where it listens. */
import { isGloveboxError } from '#core/errors.ts';
import type { Host } from '#platform/host.ts';
import type { SlurmSettings, TunnelMode } from './settings.ts';

export interface ChosenTunnel {
  readonly mode: TunnelMode;
  /** Where nobody has asked for it. */
  readonly reason?: string;
  /** For `slurm_node.py`: an address, `route:HOST`, or empty for a place that is on no network. */
  readonly bind: string;
}

const LIMIT_MS = 20_000;
const ANY_ADDRESS = /^(0\.0\.0\.0|::)$/;

/**
 * Through the allocation wherever that is possible. Without `srun` it is not: then over the network of the cluster, and the
 * server listens on the one address of its node that leads to the login node.
 *
 * @throws as `Host.run`.
 */
export async function chooseTunnel(
  host: Pick<Host, 'name' | 'isRemote' | 'run' | 'hostname'>,
  settings: Pick<SlurmSettings, 'tunnel' | 'bindIp'>,
  signal: AbortSignal,
): Promise<ChosenTunnel> {
  const { tunnel, bindIp } = settings;
  const onNetwork = host.isRemote ? 'forward' : 'direct';
  const bind = async (mode: TunnelMode): Promise<string> => {
    if (mode === 'step' || mode === 'node-ssh') return '';
    // Every interface is never the answer; a wish for it is one for an address that works.
    if (bindIp !== undefined && !ANY_ADDRESS.test(bindIp)) return bindIp;
    return `route:${await host.hostname(signal)}`;
  };
  if (tunnel !== undefined) return { mode: tunnel, bind: await bind(tunnel) };
  if (bindIp !== undefined) {
    const reason = 'an address to listen on is set';
    return { mode: onNetwork, reason, bind: await bind(onNetwork) };
  }
  if (await hasSrun(host, signal)) return { mode: 'step', bind: '' };
  const reason = `${host.name} has no srun for steps`;
  return { mode: onNetwork, reason, bind: await bind(onNetwork) };
}

async function hasSrun(host: Pick<Host, 'run'>, signal: AbortSignal): Promise<boolean> {
  try {
    const { code } = await host.run(['srun', '--version'], { timeoutMs: LIMIT_MS, signal });
    return code !== 127;
  } catch (error) {
    if (isGloveboxError(error, 'path/not-found')) return false;
    throw error;
  }
}
