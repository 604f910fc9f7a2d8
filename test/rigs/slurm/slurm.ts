/** Real SLURM clusters for tests: daemons, files and networks of their own, nothing of the system's, gone however the test ends. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isMissing } from '../require.ts';
import { killMarked, markedProcesses, startReaper } from '../reaper.mjs';
import { Machines, type Place } from './machines.ts';
import { CALLS_LOG, folderOf, layOut, type Layout } from './layout.ts';
import { Daemon, killTree, until } from './daemons.ts';
import { listeningOn, LOGIN_ADDRESS, prepareSshd } from './login-sshd.ts';
import { NODE_TIMEOUT_S } from './slurm-conf.ts';
import { runHere, type Finished, type RunOptions } from './run-here.ts';

export type { Place } from './machines.ts';
export type { Finished, RunOptions } from './run-here.ts';

export interface ClusterOptions {
  /**
   * - `plain`: everything on this machine and its address; works without root.
   * - `netns`: login node, compute nodes and a laptop have host names, addresses and process spaces of their own, nodes also
   *   their own `/tmp`. What a job binds to 127.0.0.1 is out of the login node's reach; the laptop reaches only the login node,
   *   and has no SLURM commands. Needs root.
   */
  readonly kind: 'plain' | 'netns';
  /** 1 to 9, default 1. Named n1, n2, ... when plain, else node1, node2, ... */
  readonly nodes?: number;
  /** False: on every node `shared` is another folder, with an empty home, as without a shared file system. Only with `netns`. */
  readonly hasSharedFiles?: boolean;
  /** Who works on the login node. `ada` is a plain user whom only the cluster knows; only with `netns`. Default `root`. */
  readonly user?: 'root' | 'ada';
  /** Further lines of slurm.conf. */
  readonly configuration?: readonly string[];
}

export interface JobRow {
  readonly id: number;
  /** As SLURM says it, e.g. `PENDING`. */
  readonly state: string;
  readonly reason: string;
  readonly node: string;
  readonly name: string;
  readonly comment: string;
}

/** A shell fragment that a scheduler command runs before its work; see `Cluster.hinder`. */
export type Hindrance =
  | { readonly slowS: number }
  | { readonly failsWith: string; readonly code?: number }
  /** `"$real" "$@"` is the command itself; what the script leaves undone is not done. */
  | { readonly script: string };

export interface Cluster {
  readonly kind: ClusterOptions['kind'];
  /** SLURM's name for it. */
  readonly name: string;
  /** Everything of it; removed by `stop`. Readable by all, short enough for socket paths. */
  readonly dir: string;
  /** The folder for projects and homes: the same on the login node and, unless asked otherwise, on all nodes. */
  readonly shared: string;
  /** Home of the user, within `shared`. */
  readonly home: string;
  readonly nodes: readonly string[];
  /** Address of the login node as the laptop sees it (`netns`), else 127.0.0.1. */
  readonly loginHost: string;
  /** For a process that stands on the login node: PATH with the scheduler's commands, HOME, SLURM_CONF. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for the laptop, whose PATH has no scheduler command. Only with `netns`. */
  readonly laptopEnv: Readonly<Record<string, string>>;
  /**
   * The argv that runs `argv` on a machine of the cluster. On `login` and `laptop` it is one of this machine's processes, in the
   * network of the other and as the user; on a node it is among the node's own processes.
   */
  on(place: Place, argv: readonly string[]): readonly string[];
  /** Runs a program, on the login node and with `env` unless told otherwise. Any exit code is a result. */
  run(
    argv: readonly string[],
    options?: RunOptions & { readonly place?: Place },
  ): Promise<Finished>;
  /** Runs one as the administrator and returns what it prints. @throws when it fails. */
  admin(argv: readonly string[]): Promise<string>;
  /** All jobs that SLURM still knows, ended ones too, in the order of their ids. */
  jobs(): Promise<readonly JobRow[]>;
  /** Waits for a job, by id, to be in one of these states. */
  waitForJob(id: number, ...states: readonly string[]): Promise<JobRow>;
  /** What was run of the scheduler's commands through `env`, e.g. `sbatch --parsable ...`, oldest first. */
  calls(command?: string): readonly string[];

  /** Makes a command of `env` slow or broken, until `unhinder`. Holds for calls that begin from now on. */
  hinder(command: string, how: Hindrance): void;
  unhinder(command: string): void;

  /** Ends the controller; commands hang and fail then. Jobs go on. */
  downController(): Promise<void>;
  upController(): Promise<void>;
  /** Stops the controller in its tracks: commands hang without end. The returned function undoes that. */
  freezeController(): () => void;
  drain(node: string, reason?: string): Promise<void>;
  /** Declares a node dead: its jobs end with NODE_FAIL, or are requeued. */
  failNode(node: string): Promise<void>;
  /** Undoes `drain` and `failNode`. */
  resume(node: string): Promise<void>;
  /** Cuts the power of a node. SLURM notices by itself, after about 25 s. */
  killNode(node: string): Promise<void>;
  /** Boots it again; resolves when SLURM uses it. */
  bootNode(node: string): Promise<void>;
  /** Lets the user of the laptop log in to the login node by `ssh cluster`. Only with `netns`. */
  startSshd(): Promise<void>;
  /** The same for a node, by its name and by way of the login node. It ends with the node. */
  startNodeSshd(node: string): Promise<void>;
  /** Ends it with all its connections, as when the login node goes down. `startSshd` brings it back. */
  stopSshd(): Promise<void>;
  /** Fills all CPUs of the cluster with a job of somebody else. Returns its id; `admin(['scancel', id])` frees them. */
  occupy(options?: { readonly partition?: string }): Promise<number>;

  /** Cancels all jobs of all users. Resolves when none is left. */
  endAllJobs(): Promise<void>;
  /** Ends everything, jobs included, and removes the folder. Idempotent. */
  stop(): Promise<void>;
}

const HOW_TO_GET =
  'apt-get install -y --no-install-recommends slurm-wlm munge slurm-wlm-basic-plugins iproute2';

/** For `describe.skipIf(...)`. */
export function isSlurmMissing(kind: ClusterOptions['kind'] = 'plain'): boolean {
  const programs = [
    'slurmctld',
    'slurmd',
    'munged',
    ...(kind === 'netns' ? ['ip', 'nsenter'] : []),
  ];
  const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const isThere = (name: string): boolean =>
    folders.some((folder) => existsSync(path.join(folder, name)));
  const hasAll = programs.every(isThere);
  if (isMissing('SLURM', hasAll, HOW_TO_GET)) return true;
  return (
    kind === 'netns' &&
    isMissing('The right to make networks', process.getuid?.() === 0, 'Run the tests as root.')
  );
}

let reaper: ReturnType<typeof startReaper> | undefined;

/** Starts a cluster and waits until its nodes are idle: about a second. Several may run at once. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { kind, nodes: count = 1 } = options;
  if (count < 1 || count > 9) throw new Error('A test cluster has 1 to 9 nodes.');
  const name = `gb${randomBytes(5).toString('hex')}`;
  reaper ??= startReaper();
  reaper.watch(name, folderOf(name));
  const layout = await layOut(name, options);
  const machines = new Machines(layout, options);
  const cluster = new SlurmCluster(layout, machines, kind);
  try {
    await machines.start();
    await cluster.boot();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

class SlurmCluster implements Cluster {
  readonly kind: Cluster['kind'];
  readonly name: string;
  readonly dir: string;
  readonly shared: string;
  readonly home: string;
  readonly nodes: readonly string[];
  readonly loginHost: string;
  readonly env: Cluster['env'];
  readonly laptopEnv: Cluster['laptopEnv'];
  readonly #layout: Layout;
  readonly #machines: Machines;
  #munge: Daemon | undefined;
  #controller: Daemon | undefined;
  #sshd: Daemon | undefined;
  #sshdArgv: readonly string[] | undefined;

  constructor(layout: Layout, machines: Machines, kind: Cluster['kind']) {
    this.#layout = layout;
    this.#machines = machines;
    this.kind = kind;
    ({ name: this.name, dir: this.dir, shared: this.shared, home: this.home } = layout);
    this.nodes = layout.nodes.map((node) => node.name);
    this.loginHost = kind === 'netns' ? '10.78.0.1' : '127.0.0.1';
    this.env = layout.env;
    this.laptopEnv = layout.laptopEnv;
  }

  async boot(): Promise<void> {
    const { dir } = this.#layout;
    this.#munge = this.#machines.daemon('munged', [
      'munged',
      '--foreground',
      '--force',
      `--key-file=${dir}/etc/munge.key`,
      `--socket=${dir}/run/munge.sock`,
      `--pid-file=${dir}/run/munged.pid`,
      `--log-file=${dir}/log/munged.log`,
      `--seed-file=${dir}/run/munge.seed`,
    ]);
    await this.#until('munged listens', () => existsSync(`${dir}/run/munge.sock`));
    this.#startController();
    for (const node of this.nodes) this.#machines.bootNode(node);
    await this.#untilIdle(this.nodes);
  }

  on(place: Place, argv: readonly string[]): readonly string[] {
    return this.#machines.on(place, argv);
  }

  run(
    argv: readonly string[],
    { place = 'login', ...options }: RunOptions & { readonly place?: Place } = {},
  ): Promise<Finished> {
    const env = place === 'laptop' ? this.laptopEnv : this.env;
    return runHere(this.on(place, argv), { ...options, env: { ...env, ...options.env } });
  }

  async admin(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#asRoot(argv);
    if (code !== 0) throw new Error(`${argv.join(' ')}: exit ${code}\n${stderr}`);
    return stdout.trim();
  }

  async jobs(): Promise<readonly JobRow[]> {
    const text = await this.admin(['squeue', '-h', '-t', 'all', '-o', '%A|%T|%r|%N|%j|%k']);
    const rows = text.split('\n').filter((line) => line !== '');
    return rows
      .map((line) => {
        const [id = '', state = '', reason = '', node = '', name = '', ...comment] =
          line.split('|');
        return { id: Number(id), state, reason, node, name, comment: comment.join('|') };
      })
      .toSorted((a, b) => a.id - b.id);
  }

  async waitForJob(id: number, ...states: readonly string[]): Promise<JobRow> {
    let found: JobRow | undefined;
    await this.#until(
      `job ${id} is ${states.join(' or ')}`,
      async () => {
        found = (await this.jobs()).find((job) => job.id === id);
        return found !== undefined && states.includes(found.state);
      },
      30_000,
    );
    if (found === undefined) throw new Error(`no job ${id}`);
    return found;
  }

  calls(command?: string): readonly string[] {
    const lines = readFileSync(path.join(this.dir, CALLS_LOG), 'utf8').split('\n').slice(0, -1);
    return command === undefined ? lines : lines.filter((line) => line.split(' ')[0] === command);
  }

  hinder(command: string, how: Hindrance): void {
    const file = this.#hindrance(command);
    if ('slowS' in how) writeFileSync(file, `sleep ${how.slowS}\n`);
    else if ('script' in how) writeFileSync(file, `${how.script}\nexit\n`);
    else {
      writeFileSync(`${file}.text`, how.failsWith);
      writeFileSync(file, `cat '${file}.text' >&2\nexit ${how.code ?? 1}\n`);
    }
  }

  unhinder(command: string): void {
    rmSync(this.#hindrance(command), { force: true });
  }

  async downController(): Promise<void> {
    await this.#controller?.end();
  }

  async upController(): Promise<void> {
    this.#startController();
    await this.#until('the controller answers', () => this.#answers());
  }

  freezeController(): () => void {
    const controller = this.#controller;
    controller?.signal('SIGSTOP');
    return () => controller?.signal('SIGCONT');
  }

  async drain(node: string, reason = 'maintenance of the test'): Promise<void> {
    await this.admin(['scontrol', 'update', `nodename=${node}`, 'state=drain', `reason=${reason}`]);
  }

  async failNode(node: string): Promise<void> {
    await this.admin(['scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=it is dead']);
  }

  async resume(node: string): Promise<void> {
    // Refused when it has come back by itself.
    await this.#asRoot(['scontrol', 'update', `nodename=${node}`, 'state=resume']);
    await this.#untilIdle([node]);
  }

  killNode(node: string): Promise<void> {
    return this.#machines.killNode(node);
  }

  async bootNode(node: string): Promise<void> {
    const before = await this.#startTime(node);
    const second = Math.floor(Date.now() / 1000);
    // SLURM counts in seconds, and we tell one life of the node from the next by when it began.
    await this.#until('the next second', () => Math.floor(Date.now() / 1000) > second);
    this.#machines.bootNode(node);
    const isNew = async (): Promise<boolean> => (await this.#startTime(node)) !== before;
    await this.#until(`${node} has told the controller of its boot`, isNew);
    await this.#untilIdle([node]);
  }

  async startSshd(): Promise<void> {
    this.#sshdArgv ??= prepareSshd(this.#layout);
    this.#sshd = this.#machines.daemon('sshd', listeningOn(this.#sshdArgv, LOGIN_ADDRESS));
    const log = `${this.dir}/log/sshd.out`;
    const count = (text: string): number => text.split('Server listening').length;
    const before = existsSync(log) ? count(readFileSync(log, 'utf8')) : 1;
    await until('sshd listens', () => count(readFileSync(log, 'utf8')) > before, { logs: [log] });
  }

  async startNodeSshd(node: string): Promise<void> {
    this.#sshdArgv ??= prepareSshd(this.#layout);
    const address = this.#layout.nodes.find(({ name }) => name === node)?.address ?? '';
    const log = `${this.dir}/log/sshd-${node}.out`;
    const argv = this.#machines.on(node, listeningOn(this.#sshdArgv, address));
    const sshd = new Daemon(argv, this.#layout.adminEnv, log);
    const isUp = (): boolean =>
      sshd.isAlive && readFileSync(log, 'utf8').includes('Server listening');
    await until(`sshd listens on ${node}`, isUp, { logs: [log] });
  }

  async stopSshd(): Promise<void> {
    for (const pid of this.#sshd?.children ?? []) killTree(pid);
    await this.#sshd?.kill();
  }

  async occupy({ partition = 'gpu' }: { readonly partition?: string } = {}): Promise<number> {
    const words = ['--parsable', `--partition=${partition}`, `--nodes=${this.nodes.length}`];
    const rest = ['--exclusive', '--output=/dev/null', '--job-name=somebody-else', '--no-requeue'];
    const wrap = '--wrap=exec sleep 100000';
    const id = Number(await this.admin(['sbatch', '--chdir=/', ...words, ...rest, wrap]));
    await this.waitForJob(id, 'RUNNING');
    return id;
  }

  async endAllJobs(): Promise<void> {
    const living = ['squeue', '-h', '-o', '%A'];
    await this.#until('all jobs have ended', async () => {
      const ids = (await this.admin(living)).split('\n').filter((id) => id !== '');
      if (ids.length > 0) await this.#asRoot(['scancel', ...ids]);
      return ids.length === 0;
    });
  }

  async stop(): Promise<void> {
    this.#machines.stop();
    await this.#controller?.kill();
    await this.#munge?.kill();
    await this.#until('all processes of the cluster are gone', () => {
      killMarked(this.name);
      return markedProcesses(this.name).length === 0;
    });
    reaper?.forget(this.name);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  #startController(): void {
    this.#controller = this.#machines.daemon('slurmctld', [
      'slurmctld',
      '-D',
      '-f',
      `${this.dir}/etc/slurm.conf`,
    ]);
  }

  #hindrance(command: string): string {
    return path.join(this.dir, 'hindrances', command);
  }

  #asRoot(argv: readonly string[]): Promise<Finished> {
    return runHere(this.#machines.asRoot(argv), { env: this.#layout.adminEnv, timeoutMs: 20_000 });
  }

  async #startTime(node: string): Promise<string | undefined> {
    const { stdout } = await this.#asRoot(['scontrol', '-o', 'show', 'node', node]);
    return /SlurmdStartTime=(\S+)/.exec(stdout)?.[1];
  }

  async #answers(): Promise<boolean> {
    const { code } = await runHere(this.#machines.asRoot(['scontrol', 'ping']), {
      env: this.#layout.adminEnv,
      timeoutMs: 5000,
    });
    return code === 0;
  }

  async #untilIdle(nodes: readonly string[]): Promise<void> {
    const isIdle = async (): Promise<boolean> => {
      const { stdout } = await this.#asRoot(['sinfo', '-h', '-N', '-p', 'gpu', '-o', '%N %t']);
      const lines = stdout.split('\n');
      return nodes.every((node) =>
        lines.some((line) => /^(idle|mix|alloc)$/.test(line.replace(`${node} `, ''))),
      );
    };
    await this.#until(`${nodes.join(', ')} can be used`, isIdle, 10_000 + NODE_TIMEOUT_S * 1000);
  }

  #until(what: string, isSo: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
    const logs = ['munged', 'slurmctld', ...this.nodes].map((log) => `${this.dir}/log/${log}.out`);
    return until(what, isSo, { timeoutMs, logs });
  }
}
