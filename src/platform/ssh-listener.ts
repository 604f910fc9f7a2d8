/** A port of this machine that leads through the shared SSH connection to one port of its far side, and heals when that was lost. */
import type { Socket } from 'node:net';
import { messageOf } from '#core/errors.ts';
import { openProgram, toHostStream } from './process-stream.ts';
import { listenOnLoopback, type RelayListener } from './relay-socket.ts';
import { createSshControl, type SshControl } from './ssh-control.ts';
import { connectionArguments, sshEnvironment, type SshSettings } from './ssh-options.ts';

/**
 * Logs in first, unless a connection is there. Each connection to the port is a channel of its own and this process listens itself:
 * unlike the port of a forwarding, nobody else can take it when the SSH connection is lost, and be shown what was meant for the far side.
 *
 * @param onFailure told why a connection did not come about; its near end is reset
 * @throws as `SshControl.ensure`.
 */
export async function listenThroughSsh(
  settings: SshSettings,
  to: { readonly host: string; readonly port: number },
  onFailure: (reason: string) => void,
  signal?: AbortSignal,
): Promise<RelayListener> {
  const control = createSshControl(settings);
  await control.ensure(signal);
  return listenOnLoopback(undefined, (near) => {
    near.pause().on('error', () => undefined);
    pass(near, settings, control, to).catch((error: unknown) => {
      near.resetAndDestroy();
      onFailure(messageOf(error));
    });
  });
}

/** @throws as `SshControl.ensure`, or what ssh said when it ended badly. */
async function pass(
  near: Socket,
  settings: SshSettings,
  control: SshControl,
  to: { readonly host: string; readonly port: number },
): Promise<void> {
  const route = await control.ensure();
  const program = await openProgram(connectionArguments(settings, route, to), {
    env: sshEnvironment(settings.env),
  });
  const far = toHostStream(program);
  near.on('close', () => far.close());
  if (near.destroyed) return far.close();
  near.pipe(far.stream).pipe(near);
  const { code, stderr } = await far.ended;
  // Whoever left first ended it.
  if (code !== 0 && !near.destroyed) throw new Error(stderr.trim());
}
