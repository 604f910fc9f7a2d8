/** How soon after its start the server has listed its tools. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Bench, Measure } from '../bench.ts';
import { startMcpServer, type McpProcess } from '../mcp-process.ts';
import { interleave, timed, timedStart } from '../samples.ts';

const MINIMAL = path.resolve(import.meta.dirname, '../minimal-server.mjs');

export const startUp: Measure = {
  name: 'start-up',
  async run({ lab, rounds }: Bench) {
    const { empty, minimal, ours } = await interleave(rounds(20), {
      empty: () => timed(runEmptyNode),
      minimal: () =>
        untilListed(() => startMcpServer({ script: MINIMAL, cwd: lab.projectDir, env: {} })),
      ours: () => untilListed(() => lab.startServer()),
    });
    return [
      {
        measure: 'spawn to tools/list answered',
        unit: 'ms',
        bar: { of: 'median', most: 150 },
        ours,
        floor: { name: 'a hand-written server with one tool', samples: minimal },
      },
      {
        measure: 'spawn to tools/list answered, against Node itself',
        unit: 'ms',
        bar: { of: 'nothing' },
        ours,
        floor: { name: 'an empty node -e 0', samples: empty },
      },
    ];
  },
};

async function runEmptyNode(): Promise<void> {
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: {} }), 'exit');
}

function untilListed(start: () => Promise<McpProcess>): Promise<number> {
  const list = async (): Promise<McpProcess> => {
    const server = await start();
    await server.client.listTools();
    return server;
  };
  return timedStart(list, (server) => server.stop());
}
