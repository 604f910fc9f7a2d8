/** What the user's own OpenSSH configuration says about a destination, and the arguments that we add to it. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { childEnvironment, type Environment } from './environment.ts';
import { ensurePrivateFolder } from './files.ts';
import { runCommand } from './process.ts';
import { NO_CONNECTION, translateSshFailure } from './ssh-errors.ts';

export interface SshSettings {
  /** As the user wrote it: an alias of the configuration, `user@host`, `ssh://user@host:port`. */
  readonly destination: string;
  /** Where connections are shared, e.g. `$GLOVEBOX_DIR/ssh`; made on first use. */
  readonly controlFolder: string;
  /** The environment of this process; what OpenSSH needs of it is passed on. */
  readonly env: Environment;
  /** Default `ssh`. */
  readonly program?: string;
  /** Instead of the user's and the system's configuration. */
  readonly configFile?: string;
  /** Reached through the shared connection to this one, which is opened first. */
  readonly via?: SshSettings;
  /** How long the shared connection is kept without use. Default 8 hours. */
  readonly keepS?: number;
}

/** Where a destination leads, after the user's configuration. */
export interface SshRoute {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly jump: string | undefined;
  /** The socket over which sessions share one connection. */
  readonly controlPath: string;
  /** False when it is the user's own. */
  readonly isOurPath: boolean;
}

/** With the temporary suffix that ssh adds while it makes the socket. */
const MAX_PATH_BYTES = 90;
/** What the operating system allows, for paths that the user chose. */
const SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;
const SUFFIX_BYTES = 17;
const HASH_BYTES = 40;
const QUESTION_LIMIT_MS = 30_000;

/** Connections are kept for later processes. */
const KEEP_S = 8 * 3600;

/** They are noticed when they are dead after 45 s. */
const CONNECTION = ['ServerAliveInterval=15', 'ServerAliveCountMax=3', 'ConnectTimeout=20'];

/** No agent, no windows, no ports of the user's configuration; nothing that changes bytes. Host key checks stay as they are. */
const PLAIN = [
  'ForwardAgent=no',
  'ForwardX11=no',
  'ClearAllForwardings=yes',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'RequestTTY=no',
];

/** Never asks, and says nothing but what went wrong. */
const UNATTENDED = ['BatchMode=yes', 'LogLevel=ERROR'];

const INSTEAD_OF_A_LOGIN = `sh -c 'echo ${NO_CONNECTION} >&2; exit 1'`;

const flags = (options: readonly string[]): string[] => options.flatMap((text) => ['-o', text]);

function base({ program = 'ssh', configFile }: SshSettings): string[] {
  return configFile === undefined ? [program] : [program, '-F', configFile];
}

/** `-S` takes a literal path but for `%`. */
const socket = (route: SshRoute): string[] => ['-S', route.controlPath.replaceAll('%', '%%')];

/** Logs in, unless a connection is there already, and leaves it open for others. */
export function loginArguments(
  settings: SshSettings,
  route: SshRoute,
  by: 'person' | 'nobody',
  viaRoute?: SshRoute,
): string[] {
  const { via, keepS = KEEP_S } = settings;
  const jump =
    via === undefined || viaRoute === undefined
      ? []
      : [`ProxyCommand=${jumpCommand(via, viaRoute)}`];
  return [
    ...base(settings),
    ...socket(route),
    ...flags([`ControlPersist=${keepS}`, 'ControlMaster=auto', ...jump, ...CONNECTION, ...PLAIN]),
    ...flags(by === 'nobody' ? UNATTENDED : []),
    '--',
    settings.destination,
    'true',
  ];
}

/** One word for the shell that runs a `ProxyCommand`, where a percent sign is ssh's own. */
const literal = (word: string): string =>
  `'${word.replaceAll("'", String.raw`'\''`).replaceAll('%', '%%')}'`;

/** For a shell: what ssh talks to is the far end of a channel through the other connection. */
function jumpCommand(via: SshSettings, route: SshRoute): string {
  const words = [
    ...base(via),
    ...socket(route),
    ...flags(['ControlMaster=no', `ProxyCommand=${INSTEAD_OF_A_LOGIN}`, ...PLAIN, ...UNATTENDED]),
  ];
  return [...words.map(literal), '-W', "'[%h]:%p'", '--', literal(via.destination)].join(' ');
}

/** Runs a command line over the connection that is there. Without one it fails at once, instead of logging in unseen. */
export function channelArguments(
  settings: SshSettings,
  route: SshRoute,
  command: string,
): string[] {
  return [
    ...base(settings),
    ...socket(route),
    ...flags(['ControlMaster=no', `ProxyCommand=${INSTEAD_OF_A_LOGIN}`, ...PLAIN, ...UNATTENDED]),
    '--',
    settings.destination,
    command,
  ];
}

/** Its stdin and stdout are a connection to that port as the far side reaches it; takes no session there. Else as `channelArguments`. */
export function connectionArguments(
  settings: SshSettings,
  route: SshRoute,
  { host, port }: { readonly host: string; readonly port: number },
): string[] {
  return [
    ...base(settings),
    ...socket(route),
    ...flags(['ControlMaster=no', `ProxyCommand=${INSTEAD_OF_A_LOGIN}`, ...PLAIN, ...UNATTENDED]),
    '-W',
    `[${host}]:${port}`,
    '--',
    settings.destination,
  ];
}

/** Asks the process that holds the connection: `check`, or a forwarding. It needs no configuration, whose ports it would open. */
export function controlArguments(
  settings: SshSettings,
  route: SshRoute,
  request: readonly string[],
): string[] {
  const { program = 'ssh', destination } = settings;
  return [program, '-F', '/dev/null', ...socket(route), '-O', ...request, '--', destination];
}

/** What OpenSSH, its agents and its hardware keys need of our environment. */
export function sshEnvironment(env: Environment): Record<string, string> {
  return childEnvironment(env, {
    pass: [
      'SSH_*',
      'KRB5*',
      'GSS_*',
      'DISPLAY',
      'WAYLAND_DISPLAY',
      'XAUTHORITY',
      'XDG_RUNTIME_DIR',
    ],
  });
}

/**
 * Asks OpenSSH what it would do, without a connection. The user's own shared connection is used where one is configured, else
 * ours in `controlFolder`, or in a short private folder when that is too long for a socket.
 *
 * @throws `config/invalid` for a destination or a configuration that SSH refuses, `path/not-found` without OpenSSH.
 */
export async function findRoute(settings: SshSettings, signal?: AbortSignal): Promise<SshRoute> {
  if (!/^[^-\s\0][^\s\0]*$/.test(settings.destination)) {
    throw new GloveboxError('config/invalid', `"${settings.destination}" is no SSH destination.`, {
      hint: 'Name a host as for `ssh`: an alias of ~/.ssh/config, HOST or USER@HOST.',
    });
  }
  const asConfigured = await ask(settings, [], signal);
  const theirs = asConfigured.get('controlpath') ?? 'none';
  const theirsFits = Buffer.byteLength(theirs) + SUFFIX_BYTES <= SOCKET_PATH_BYTES;
  if (theirs !== 'none' && theirsFits && isExpanded(theirs))
    return toRoute(asConfigured, theirs, false);
  const folder = await ourFolder(settings.controlFolder);
  const pattern = `ControlPath="${folder.replaceAll('%', '%%')}/%C"`;
  const withOurs = await ask(settings, ['-o', pattern], signal);
  const ours = withOurs.get('controlpath') ?? 'none';
  if (ours !== 'none' && isExpanded(ours)) return toRoute(withOurs, ours, true);
  throw new GloveboxError(
    'config/invalid',
    'This OpenSSH does not tell where it shares connections.',
    {
      hint: 'Install OpenSSH 6.8 or newer.',
    },
  );
}

/** A path that still holds a token would be the same for every destination. */
const isExpanded = (controlPath: string): boolean => !/%[A-Za-z]/.test(controlPath);

async function ask(
  settings: SshSettings,
  more: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const { code, stdout, stderr } = await runCommand(
    [...base(settings), '-G', ...more, '--', settings.destination],
    { env: sshEnvironment(settings.env), timeoutMs: QUESTION_LIMIT_MS, signal },
  );
  if (code !== 0) throw translateSshFailure(settings.destination, stderr);
  return new Map(
    stdout.split('\n').map((line) => {
      const [key = ''] = line.split(' ', 1);
      return [key, line.slice(key.length + 1)];
    }),
  );
}

function toRoute(
  answers: ReadonlyMap<string, string>,
  controlPath: string,
  isOurPath: boolean,
): SshRoute {
  const jump = answers.get('proxyjump');
  return {
    hostname: answers.get('hostname') ?? '',
    port: Number(answers.get('port') ?? 22),
    user: answers.get('user') ?? '',
    jump: jump === 'none' ? undefined : jump,
    controlPath,
    isOurPath,
  };
}

async function ourFolder(wanted: string): Promise<string> {
  const bytes = Buffer.byteLength(wanted) + 1 + HASH_BYTES + SUFFIX_BYTES;
  const fits = bytes <= MAX_PATH_BYTES && !/["$\\\n]/.test(wanted);
  const folder = fits ? wanted : `/tmp/glovebox-ssh-${process.getuid?.() ?? 0}`;
  await ensurePrivateFolder(folder);
  const { uid } = await lstat(folder);
  if (uid !== process.getuid?.()) {
    throw new GloveboxError('storage/failed', `${path.resolve(folder)} belongs to somebody else.`, {
      hint: 'Set GLOVEBOX_DIR to a short path, of at most 28 bytes, to a folder of your own.',
    });
  }
  return folder;
}
