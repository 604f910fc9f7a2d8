/**
 * A test cluster for a person: `npx tsx test/rigs/slurm/shell.ts [plain|netns] [NODES] [COMMAND...]` runs a command, else a shell,
 * on its login node and stops the cluster afterwards.
 */
import { spawnSync } from 'node:child_process';
import { startCluster } from './slurm.ts';

const [kind = 'plain', nodes = '1', ...command] = process.argv.slice(2);
const cluster = await startCluster({
  kind: kind === 'netns' ? kind : 'plain',
  nodes: Number(nodes),
});
process.stderr.write(`cluster in ${cluster.dir}, nodes ${cluster.nodes.join(', ')}\n`);
const [program = 'bash', ...args] = cluster.on('login', command.length > 0 ? command : ['bash']);
const { status } = spawnSync(program, args, {
  stdio: 'inherit',
  cwd: cluster.shared,
  env: { ...process.env, ...cluster.env },
});
await cluster.stop();
process.exitCode = status ?? 1;
