/** The machines of a test cluster: this one for all, or networks, host names and process spaces of their own. */
import path from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { killAll, processesWith } from '../reaper.mjs';
import { childrenOf, Daemon, until } from './daemons.ts';
import { writeWrappers, type Layout } from './layout.ts';
import type { ClusterOptions } from './cluster.ts';

/** `login`, `laptop` or the name of a node. */
export type Place = 'login' | 'laptop' | (string & {});

const script = (name: string): string => path.join(import.meta.dirname, name);
const repository = path.resolve(import.meta.dirname, '../../..');

export class Machines {
  readonly #layout: Layout;
  readonly #isPlain: boolean;
  readonly #hasSharedFiles: boolean;
  readonly #nodes = new Map<string, Daemon>();
  #login: Daemon | undefined;
  #laptop: Daemon | undefined;

  constructor(layout: Layout, { kind, hasSharedFiles = true }: ClusterOptions) {
    this.#layout = layout;
    this.#isPlain = kind === 'plain';
    this.#hasSharedFiles = hasSharedFiles;
    if (this.#isPlain && !hasSharedFiles) throw new Error('A plain cluster has one file system.');
  }

  async start(): Promise<void> {
    if (this.#isPlain) return writeWrappers(this.#layout, '');
    const { dir, adminEnv, laptopHome } = this.#layout;
    const log = `${dir}/log/login.out`;
    const spaces = ['--net', '--uts', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    this.#login = new Daemon(
      ['unshare', ...spaces, script('login.sh'), `${dir}/etc/cluster`, laptopHome],
      adminEnv,
      log,
    );
    await until('the login node is up', () => says(log, 'ready'), { logs: [log] });
    this.#laptop = this.daemon('laptop', [script('laptop.sh')]);
    const laptopLog = `${dir}/log/laptop.out`;
    await until('the laptop is up', () => says(laptopLog, 'ready'), { logs: [laptopLog] });
    writeWrappers(this.#layout, this.on('login', []).map(quote).join(' '));
    return undefined;
  }

  /** A daemon on the login node, as the administrator. What it prints is in `log/NAME.out`. */
  daemon(
    name: string,
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Daemon {
    const { dir, adminEnv } = this.#layout;
    const spaces = ['--net', '--uts', '--mount', '--pid'];
    const prefix = this.#isPlain ? [] : ['nsenter', '--target', `${this.#loginPid()}`, ...spaces];
    return new Daemon([...prefix, ...argv], { ...adminEnv, ...env }, `${dir}/log/${name}.out`);
  }

  bootNode(name: string): void {
    const { dir, nodes, shared } = this.#layout;
    const node = nodes.find((each) => each.name === name);
    if (node === undefined) throw new Error(`There is no node ${name}.`);
    const slurmd = ['slurmd', '-D', '-N', name, '-f', `${dir}/etc/slurm.conf`];
    const kept = [dir, repository, path.dirname(process.execPath)].filter((each) =>
      each.startsWith('/tmp/'),
    );
    const place = [
      name,
      node.address,
      `to-${name}`,
      this.#hasSharedFiles ? '' : shared,
      kept.join(':'),
    ];
    const argv = this.#isPlain ? slurmd : [script('node.sh'), ...place, '--', ...slurmd];
    this.#nodes.set(
      name,
      this.daemon(name, argv, { GLOVEBOX_TEST_NODE: `${this.#layout.name}-${name}` }),
    );
  }

  async killNode(name: string): Promise<void> {
    await this.#nodes.get(name)?.kill();
    // Where nodes share one process space, their jobs are known by what SLURM and we put into the environment.
    if (this.#isPlain) {
      killAll(processesWith(`GLOVEBOX_TEST_NODE=${this.#layout.name}-${name}`));
      killAll(processesWith(`SLURMD_NODENAME=${name}`, `SLURM_CLUSTER_NAME=${this.#layout.name}`));
    }
  }

  on(place: Place, argv: readonly string[]): readonly string[] {
    if (this.#isPlain) return argv;
    const { dir, uid, home, shared, laptopHome } = this.#layout;
    if (place === 'login')
      return [
        script('enter.sh'),
        `${this.#loginPid()}`,
        `${uid}`,
        `${dir}/etc/cluster`,
        home,
        laptopHome,
        ...argv,
      ];
    if (place === 'laptop')
      return [
        script('enter.sh'),
        `${this.#laptopPid()}`,
        `${uid}`,
        `${dir}/etc/laptop`,
        laptopHome,
        shared,
        ...argv,
      ];
    const spaces = ['--net', '--uts', '--mount', '--pid'];
    return ['nsenter', '--target', `${this.#nodePid(place)}`, ...spaces, ...argv];
  }

  asRoot(argv: readonly string[]): readonly string[] {
    if (this.#isPlain) return argv;
    return ['nsenter', '--target', `${this.#loginPid()}`, '--net', '--uts', ...argv];
  }

  /** Everything that runs in the login node's process space, which holds those of the nodes, ends with its first process. */
  stop(): void {
    this.#login?.signal('SIGKILL');
  }

  #loginPid(): number {
    return onlyChild(this.#login, 'the login node');
  }

  #laptopPid(): number {
    return onlyChild(this.#laptop, 'the laptop');
  }

  /** The first process in the node's own process space: nsenter, then unshare, then it. */
  #nodePid(name: string): number {
    const unshare = onlyChild(this.#nodes.get(name), name);
    const [pid] = childrenOf(unshare);
    if (pid === undefined) throw new Error(`${name} is not up.`);
    return pid;
  }
}

function onlyChild(daemon: Daemon | undefined, what: string): number {
  const [pid] = daemon?.children ?? [];
  if (pid === undefined) throw new Error(`${what} is not up.`);
  return pid;
}

const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

const says = (file: string, word: string): boolean =>
  existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(word);
