/** The folder of a test cluster: configuration, keys, wrappers of the scheduler's commands, homes. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { MARK } from '../reaper.mjs';
import { CGROUP_CONF, GRES_CONF, renderSlurmConf, type ConfNode } from './slurm-conf.ts';
import { DAEMON_PATH } from './daemons.ts';
import type { ClusterOptions } from './cluster.ts';

export interface Layout {
  readonly name: string;
  readonly dir: string;
  readonly shared: string;
  readonly home: string;
  readonly laptopHome: string;
  readonly nodes: readonly ConfNode[];
  readonly uid: number;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly laptopEnv: Readonly<Record<string, string>>;
  /** For daemons and the administrator: the real commands, and the mark by which the reaper finds its processes. */
  readonly adminEnv: Readonly<Record<string, string>>;
}

/** Relative to the cluster's folder: one line for each call of a command. */
export const CALLS_LOG = 'calls.log';

/** The plain user `ada`, whom only machines with the cluster's own passwd know. */
const ADA_UID = 20_001;

const COMMANDS =
  'sbatch srun salloc squeue scancel scontrol sinfo sacct sacctmgr sprio sshare sstat sdiag sattach sbcast sreport'.split(
    ' ',
  );

export const folderOf = (name: string): string => path.join(realpathSync(tmpdir()), name);

export async function layOut(name: string, options: ClusterOptions): Promise<Layout> {
  const { kind, nodes: count = 1, user = 'root' } = options;
  const isPlain = kind === 'plain';
  const dir = folderOf(name);
  const folder = (...parts: readonly string[]): string => {
    const made = path.join(dir, ...parts);
    mkdirSync(made, { recursive: true });
    chmodSync(made, 0o755);
    return made;
  };
  folder();
  for (const part of ['etc', 'run', 'log', 'bin', 'real', 'hindrances']) folder(part);
  mkdirSync(path.join(dir, 'state'), { mode: 0o700 });
  const [shared, home, laptopHome] = [folder('shared'), folder('shared', 'home'), folder('laptop')];
  const uid = user === 'ada' ? ADA_UID : (process.getuid?.() ?? 0);
  if (user === 'ada') for (const own of [shared, home, laptopHome]) chownSync(own, uid, uid);
  writeFileSync(path.join(dir, CALLS_LOG), '');
  chmodSync(path.join(dir, CALLS_LOG), 0o666); // users of the cluster write there too

  const ports = isPlain ? await freePorts(count + 1) : [];
  const nodes = Array.from({ length: count }, (_, index): ConfNode => {
    const number = index + 1;
    return isPlain
      ? {
          name: `n${number}`,
          hostname: shortHostname(),
          address: '127.0.0.1',
          port: ports[number] ?? 0,
        }
      : {
          name: `node${number}`,
          hostname: `node${number}`,
          address: `10.77.0.1${number}`,
          port: 6818,
        };
  });
  for (const node of nodes) folder('run', `spool-${node.name}`);
  const conf = renderSlurmConf({
    dir,
    clusterName: name,
    account: userInfo().username,
    controllerHost: isPlain ? shortHostname() : 'login',
    controllerAddress: isPlain ? '127.0.0.1' : '10.77.0.1',
    controllerPort: isPlain ? (ports[0] ?? 0) : 6817,
    nodes,
    lines: options.configuration ?? [],
  });
  writeFileSync(path.join(dir, 'etc/slurm.conf'), conf);
  writeFileSync(path.join(dir, 'etc/gres.conf'), GRES_CONF);
  writeFileSync(path.join(dir, 'etc/cgroup.conf'), CGROUP_CONF);
  writeFileSync(path.join(dir, 'etc/munge.key'), randomBytes(1024), { mode: 0o600 });
  writeAccounts(folder('etc', 'cluster'), home, nodes);
  writeAccounts(folder('etc', 'laptop'), laptopHome, []);

  const base = { LANG: 'C.UTF-8', USER: isPlain ? userInfo().username : user };
  const folders = (process.env['PATH'] ?? '')
    .split(':')
    .filter((each) => existsSync(each) && (user === 'root' || isOpenToAll(each)));
  const programs = folders.join(':');
  const slurm = { SLURM_CONF: path.join(dir, 'etc/slurm.conf') };
  return {
    name,
    dir,
    shared,
    home,
    laptopHome,
    nodes,
    uid,
    user,
    env: { ...base, ...slurm, HOME: home, PATH: `${dir}/bin:${programs}` },
    laptopEnv: {
      ...base,
      HOME: laptopHome,
      PATH: isPlain ? '' : programsWithoutSlurm(folders, folder('laptop-bin')),
    },
    adminEnv: { ...base, ...slurm, HOME: home, PATH: DAEMON_PATH, [MARK]: name },
  };
}

const shortHostname = (): string => hostname().split('.')[0] ?? 'localhost';

/** passwd, shadow, group and hosts of the cluster's machines. */
function writeAccounts(etc: string, home: string, nodes: readonly ConfNode[]): void {
  const write = (name: string, lines: readonly string[]): void =>
    writeFileSync(path.join(etc, name), `${lines.join('\n')}\n`);
  write('passwd', [
    `root:x:0:0:root:${home}:/bin/bash`,
    'sshd:x:102:65534::/run/sshd:/usr/sbin/nologin',
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
    `ada:x:${ADA_UID}:${ADA_UID}:Ada:${home}:/bin/bash`,
    `eve:x:${ADA_UID + 1}:${ADA_UID + 1}:Eve:/:/bin/bash`,
  ]);
  write(
    'shadow', // without it nobody's login environment can be had
    ['root', 'ada', 'eve'].map((name) => `${name}:*:19000:0:99999:7:::`),
  );
  write('group', [
    'root:x:0:',
    'tty:x:5:',
    'nogroup:x:65534:',
    `ada:x:${ADA_UID}:`,
    `eve:x:${ADA_UID + 1}:`,
  ]);
  write('hosts', [
    '127.0.0.1 localhost',
    ...(nodes.length === 0 ? ['10.78.0.1 login', '127.0.0.1 laptop'] : ['10.77.0.1 login']),
    ...nodes.map(({ name, address }) => `${address} ${name}`),
  ]);
}

/** Whether a plain user can get there. */
function isOpenToAll(folder: string): boolean {
  const isOpen = (statSync(folder).mode & 0o001) !== 0;
  return isOpen && (folder === '/' || isOpenToAll(path.dirname(folder)));
}

/** A folder with links to every program of this machine but for the scheduler's. */
function programsWithoutSlurm(folders: readonly string[], folder: string): string {
  for (const from of folders) {
    for (const program of readdirSync(from)) {
      const link = path.join(folder, program);
      if (!COMMANDS.includes(program) && !existsSync(link))
        symlinkSync(path.join(from, program), link);
    }
  }
  return folder;
}

/**
 * Puts the wrappers of the scheduler's commands into `bin`: they write down that they were called, then do what `hindrances` says,
 * then run the command in `real`, which `enter` (shell words) takes to the login node when it is called from outside.
 */
export function writeWrappers({ dir }: Layout, enter: string): void {
  const write = (file: string, lines: readonly string[]): void =>
    writeFileSync(path.join(dir, file), `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 });
  const here = enter === '' ? '' : readlinkSync('/proc/self/ns/net');
  for (const command of COMMANDS) {
    const program = path.join('/usr/bin', command);
    if (!existsSync(program)) continue;
    write(`real/${command}`, [
      ...(enter === ''
        ? []
        : [`[ "$(readlink /proc/self/ns/net)" != '${here}' ] || exec ${enter} ${program} "$@"`]),
      `exec ${program} "$@"`,
    ]);
    write(`bin/${command}`, [
      `printf '%s\\n' "${command} $*" >>'${dir}/${CALLS_LOG}'`,
      `real='${dir}/real/${command}'`,
      `[ ! -f '${dir}/hindrances/${command}' ] || . '${dir}/hindrances/${command}'`,
      'exec "$real" "$@"',
    ]);
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => portOf(server.address()));
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address !== null ? address.port : 0;
