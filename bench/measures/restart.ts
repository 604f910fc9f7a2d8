/** How soon a server that was killed and started again answers for what the one before it did. */
import type { Bench, Measure } from '../bench.ts';
import { idIn, type McpProcess } from '../mcp-process.ts';
import { newSession, runCode } from '../sessions.ts';
import { interleave, timedStart } from '../samples.ts';

export const restart: Measure = {
  name: 'restart',
  async run({ lab, rounds }: Bench) {
    const first = await lab.startServer();
    const session = await newSession(first, 'restart');
    const run = await runCode(first, session, 'print("kept " * 3)');
    const request = { run_id: idIn(run, 'run_id') };
    process.kill(first.pid, 'SIGKILL');
    await first.stop();

    const restarted = (use: (server: McpProcess) => Promise<unknown>): Promise<number> => {
      const start = async (): Promise<McpProcess> => {
        const server = await lab.startServer();
        await use(server);
        return server;
      };
      return timedStart(start, (server) => server.stop());
    };
    const { floor, ours } = await interleave(rounds(15), {
      floor: () => restarted((server) => server.client.listTools()),
      ours: () =>
        restarted(async (server) => {
          const { text } = await server.call('get_run', request);
          if (!text.includes('kept kept kept')) throw new Error(`the output is missing: ${text}`);
        }),
    });
    const last = await lab.startServer();
    await last.call('shutdown_session', { session_id: session.id });
    await last.stop();
    return [
      {
        measure: 'restart after kill -9, until get_run shows a finished run',
        unit: 'ms',
        bar: { of: 'nothing' },
        ours,
        floor: { name: 'the same server until tools/list is answered', samples: floor },
      },
    ];
  },
};
