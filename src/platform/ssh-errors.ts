/** Turns what OpenSSH prints when it fails into our errors. The only place that reads its texts. */
import { GloveboxError } from '#core/errors.ts';

const KEY_CHANGED = /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed|revoked/i;
const KEY_UNKNOWN = /Host key verification failed|No .*host key is known/i;
const BAD_CONFIGURATION =
  /Bad configuration option|terminating, \d+ bad|Bad owner or permissions|Can't open user config|unsupported option|missing argument|hostname contains invalid/i;
const NOT_LET_IN =
  /Permission denied|Too many authentication failures|authentication methods|Authentication failed|passphrase|keyboard-interactive/i;
const NO_SESSION =
  /session request failed|Session open refused by peer|open failed: administratively/i;

/** Said in place of a login by a session that finds no shared connection. */
export const NO_CONNECTION = 'glovebox-no-connection';

/**
 * Whether it is certain that the session was never opened, so that it may be asked for again: sshd allows so many for a
 * connection and no more, or the connection went away just before.
 */
export const isSessionRefused = (stderr: string): boolean =>
  NO_SESSION.test(stderr) || stderr.includes(NO_CONNECTION);

/** For an ssh that ended before anything was begun at the other side. */
export function translateSshFailure(destination: string, stderr: string): GloveboxError {
  const said = lastLine(stderr);
  if (KEY_CHANGED.test(stderr)) {
    return new GloveboxError(
      'host/key-refused',
      `${destination} showed another host key than the known one. Nothing was sent to it.`,
      {
        hint: `Ask who runs ${destination} whether its key was changed. If so: ssh-keygen -R HOST with the host name as it stands in known_hosts, then glovebox login ${destination}`,
        cause: stderr,
      },
    );
  }
  if (KEY_UNKNOWN.test(stderr)) {
    return loginNeeded(
      destination,
      `The host key of ${destination} is not known yet: a person has to accept it.`,
      stderr,
    );
  }
  if (BAD_CONFIGURATION.test(stderr)) {
    return new GloveboxError('config/invalid', `SSH refuses its configuration: ${said}`, {
      hint: `Correct ~/.ssh/config until this works: ssh -G ${destination}`,
      cause: stderr,
    });
  }
  if (NOT_LET_IN.test(stderr)) {
    return loginNeeded(
      destination,
      `${destination} does not let us in unattended: ${said}`,
      stderr,
    );
  }
  return unreachable(destination, `${destination} cannot be reached: ${said}`, stderr);
}

export function unreachable(destination: string, message: string, cause?: unknown): GloveboxError {
  return new GloveboxError('host/unreachable', message, {
    hint: `What runs there goes on. Try again; if it lasts, look at: ssh ${destination} true`,
    cause,
  });
}

function loginNeeded(destination: string, message: string, cause: unknown): GloveboxError {
  return new GloveboxError('host/login-needed', message, {
    hint: `In a terminal of yours run: glovebox login ${destination}`,
    cause,
  });
}

function lastLine(stderr: string): string {
  const lines = stderr.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.at(-1)?.trim() ?? 'ssh said nothing';
}
