/** What the SLURM back end is told, from the configuration. */
import type { Config } from '#config/config.ts';
import type { Environment } from '#config/environment.ts';
import type { Host } from '#platform/host.ts';
import type { SlurmSettings } from '../sandbox/backends/slurm/settings.ts';
import { gitTokensFrom, variablesForSecrets } from './own-tokens.ts';
import { locatePythonFiles } from './python-files.ts';
import { sshSettings } from './ssh-settings.ts';

/** @throws `config/invalid` for a bad value. */
export function slurmSettings(config: Config, environment: Environment): SlurmSettings {
  return {
    dir: config.get('dir'),
    pythonDir: locatePythonFiles(),
    defaults: {
      partition: config.get('slurm.partition'),
      gres: config.get('slurm.gres'),
      cpus: config.get('slurm.cpus'),
      mem: config.get('slurm.mem'),
      time: config.get('slurm.time'),
      account: config.get('slurm.account'),
      qos: config.get('slurm.qos'),
      constraint: config.get('slurm.constraint'),
      reservation: config.get('slurm.reservation'),
      nodes: undefined,
      nodelist: config.get('slurm.nodelist'),
      exclude: config.get('slurm.exclude'),
      cluster: config.get('slurm.cluster'),
      modules: config.get('slurm.modules'),
      python: config.get('slurm.python'),
      container: config.get('slurm.container'),
      setup: undefined,
      requeue: config.get('slurm.requeue'),
      extra_args: config.get('slurm.extra_args'),
    },
    jobsDir: config.get('slurm.dir'),
    modelsDir: config.get('slurm.models_dir'),
    hubUrl: config.get('hub.endpoint').replace(/\/+$/, ''),
    hubToken: config.get('hub.token')?.reveal(),
    gitTokens: gitTokensFrom(config, environment),
    variables: variablesForSecrets(config, environment),
    nodeTmp: config.get('slurm.node_tmp'),
    sharedDisk: config.get('slurm.shared_disk'),
    setupFile: config.get('slurm.setup'),
    purgeModules: config.get('slurm.purge'),
    exportNames: config.get('slurm.export'),
    tunnel: config.get('slurm.tunnel'),
    bindIp: config.get('slurm.bind_ip'),
    ports: { min: config.get('local.port_min'), max: config.get('local.port_max') },
    readyMs: config.get('slurm.ready_s') * 1000,
    pollMinMs: config.get('slurm.poll_min_s') * 1000,
    serverRootDir: config.get('server.root_dir'),
  };
}

/** A login node over the user's own SSH, or this machine. Made once for each destination, so that connections are shared. */
export function createClusterHosts(config: Config, env: Environment): () => Promise<Host> {
  const made = new Map<string, Promise<Host>>();
  return () => {
    const destination = config.get('ssh.host') ?? '';
    const host = made.get(destination) ?? createClusterHost(destination, config, env);
    made.set(destination, host);
    return host;
  };
}

/** Connections to nodes are few and end with their jobs. */
const NODE_KEEP_S = 60;

/** The nodes of a cluster, over the user's own SSH: from here, or by way of the login node where that is another machine. */
export function createNodeHosts(config: Config, env: Environment): (node: string) => Promise<Host> {
  const made = new Map<string, Promise<Host>>();
  return (node) => {
    const login = config.get('ssh.host') ?? '';
    const key = `${login} ${node}`;
    const host = made.get(key) ?? createNodeHost(node, login, config, env);
    made.set(key, host);
    return host;
  };
}

async function createNodeHost(
  node: string,
  login: string,
  config: Config,
  env: Environment,
): Promise<Host> {
  const { createSshHost } = await import('#platform/ssh-host.ts');
  return createSshHost({
    ...sshSettings(config, env, node),
    keepS: NODE_KEEP_S,
    ...(login !== '' && { via: sshSettings(config, env, login) }),
  });
}

async function createClusterHost(
  destination: string,
  config: Config,
  env: Environment,
): Promise<Host> {
  if (destination === '') {
    const { createLocalHost } = await import('#platform/local-host.ts');
    return createLocalHost({ env });
  }
  const { createSshHost } = await import('#platform/ssh-host.ts');
  return createSshHost(sshSettings(config, env, destination));
}
