/** Keeps one connection to a destination for all sessions, so that a person logs in once and a command costs no login. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { runCommand } from './process.ts';
import { translateSshFailure, unreachable } from './ssh-errors.ts';
import {
  controlArguments,
  findRoute,
  loginArguments,
  sshEnvironment,
  type SshRoute,
  type SshSettings,
} from './ssh-options.ts';

export interface SshControl {
  /**
   * Resolves when the shared connection is there. Asks the one that is left from before; logs in, unattended, when there is
   * none. Calls at the same time share one attempt.
   *
   * @throws `host/unreachable`, `host/login-needed`, `host/key-refused`, `config/invalid`, `path/not-found`, `cancelled`.
   */
  ensure(signal?: AbortSignal): Promise<SshRoute>;
}

const CHECK_LIMIT_MS = 5000;
const LOGIN_LIMIT_MS = 60_000;

/** Does no I/O. */
export function createSshControl(settings: SshSettings): SshControl {
  let route: SshRoute | undefined;
  let attempt: Promise<SshRoute> | undefined;
  const via = settings.via === undefined ? undefined : createSshControl(settings.via);

  async function connect(): Promise<SshRoute> {
    route ??= await findRoute(settings);
    if (!(await isConnected(settings, route))) {
      await logIn(settings, route, await via?.ensure());
    }
    return route;
  }

  return {
    ensure(signal) {
      attempt ??= connect().finally(() => (attempt = undefined));
      return abandonOn(attempt, signal);
    },
  };
}

/**
 * Opens the shared connection in the terminal of a person, who is asked there for a second factor, a passphrase or a host key.
 * It stays for 8 hours of disuse. Does nothing when it is open already.
 *
 * @throws `host/login-needed` when the login failed: the person has seen why; `config/invalid`, `path/not-found`, `cancelled`.
 */
export async function openMaster(
  settings: SshSettings,
  signal?: AbortSignal,
): Promise<{ readonly route: SshRoute; readonly wasOpen: boolean }> {
  const route = await findRoute(settings, signal);
  if (await isConnected(settings, route)) return { route, wasOpen: true };
  throwIfAborted(signal);
  const [program = '', ...args] = loginArguments(settings, route, 'person');
  // The terminal and its keys belong to ssh until it ends, so it stays in our process group.
  const child = spawn(program, args, {
    env: { ...sshEnvironment(settings.env) },
    stdio: ['inherit', 2, 2], // Login files print, and stdout is for results.
    ...(signal === undefined ? {} : { signal }),
  });
  await once(child, 'exit').catch(() => undefined);
  throwIfAborted(signal);
  if (!(await isConnected(settings, route))) {
    throw new GloveboxError(
      'host/login-needed',
      `Nobody is logged in to ${settings.destination}.`,
      {
        hint: `SSH has said why above. Once this works, so does the login: ssh ${settings.destination} true`,
      },
    );
  }
  return { route, wasOpen: false };
}

async function isConnected(settings: SshSettings, route: SshRoute): Promise<boolean> {
  try {
    const { code } = await runCommand(controlArguments(settings, route, ['check']), {
      env: sshEnvironment(settings.env),
      timeoutMs: CHECK_LIMIT_MS,
    });
    return code === 0;
  } catch (error) {
    if (!isGloveboxError(error, 'timeout')) throw error;
    throw unreachable(
      settings.destination,
      `The ssh process that holds the connection to ${settings.destination} does not answer.`,
      error,
    );
  }
}

async function logIn(
  settings: SshSettings,
  route: SshRoute,
  viaRoute: SshRoute | undefined,
): Promise<void> {
  const { destination } = settings;
  try {
    const words = loginArguments(settings, route, 'nobody', viaRoute);
    const { code, stderr } = await runCommand(words, {
      env: sshEnvironment(settings.env),
      timeoutMs: LOGIN_LIMIT_MS,
    });
    if (await isConnected(settings, route)) return;
    if (code === 0) throw notShared(route);
    throw translateSshFailure(destination, stderr);
  } catch (error) {
    if (!isGloveboxError(error, 'timeout')) throw error;
    throw unreachable(destination, `${destination} did not answer within 60 s.`, error);
  }
}

function notShared(route: SshRoute): GloveboxError {
  return new GloveboxError(
    'storage/failed',
    `ssh cannot share its connection: ${route.controlPath}`,
    {
      hint: route.isOurPath
        ? 'Set GLOVEBOX_DIR to a folder on a local disk, where sockets can be made.'
        : 'Set ControlPath in ~/.ssh/config to a folder on a local disk, or remove it there.',
    },
  );
}
