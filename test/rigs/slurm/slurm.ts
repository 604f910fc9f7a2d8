/** Real SLURM clusters for tests: daemons, files and networks of their own, nothing of the system's, gone however the test ends. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { killMarked, markedProcesses, startReaper } from '../reaper.mjs';
import type { Cluster, ClusterOptions, Hindrance, JobRow } from './cluster.ts';
import { Machines, type Place } from './machines.ts';
import { CALLS_LOG, folderOf, layOut, type Layout } from './layout.ts';
import { Daemon, killTree, until } from './daemons.ts';
import { listeningOn, LOGIN_ADDRESS, prepareSshd } from './login-sshd.ts';
import { NODE_TIMEOUT_S } from './slurm-conf.ts';
import { runHere, type Finished, type RunOptions } from './run-here.ts';

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
