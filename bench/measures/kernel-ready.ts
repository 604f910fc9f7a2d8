/** How soon a new notebook can run code, and how soon a sandbox is there at all. */
import type { Bench, Measure } from '../bench.ts';
import { openWebsocketKernel } from '../floors/websocket.ts';
import { createLab } from '../lab.ts';
import { idIn } from '../mcp-process.ts';
import { newSession, runCode } from '../sessions.ts';
import { interleave, timedStart } from '../samples.ts';
import { startJupyterServer } from '../../test/rigs/jupyter-server.ts';

/** What counts is when code has run; what answers earlier is worth nothing. */
const CODE = '1+1';

export const kernelReady: Measure = {
  name: 'kernel-ready',
  async run({ server, jupyter, rounds }: Bench) {
    const { floor, ours } = await interleave(rounds(10), {
      floor: () =>
        timedStart(
          async () => {
            const kernel = await jupyter.startKernel();
            const socket = await openWebsocketKernel(jupyter.endpoint, kernel);
            await socket.execute(CODE);
            return { kernel, socket };
          },
          async ({ kernel, socket }) => {
            await socket.close();
            await jupyter.deleteKernel(kernel);
          },
        ),
      ours: () =>
        timedStart(
          async () => {
            const session = await newSession(server, 'kernel ready');
            await runCode(server, session, CODE);
            return session;
          },
          (session) => session.end(),
        ),
    });
    return [
      {
        measure: 'start_new_notebook on a running sandbox, until its first cell has run',
        unit: 'ms',
        bar: { of: 'ratio', most: 1.25 },
        ours,
        floor: { name: 'the same with REST and a bare websocket', samples: floor },
      },
    ];
  },
};

export const sandboxReady: Measure = {
  name: 'sandbox-ready',
  async run({ rounds }: Bench) {
    const lab = await createLab();
    try {
      const server = await lab.startServer();
      const { floor, ours } = await interleave(rounds(8), {
        floor: () => timedStart(startJupyterServer, (jupyter) => jupyter.stop()),
        ours: () =>
          timedStart(
            async () => {
              const answer = await server.call('sandbox_create', { backend: 'local', wait_s: 120 });
              if (idIn(answer, 'state') !== 'ready') throw new Error(answer.text);
              return idIn(answer, 'sandbox_id');
            },
            (sandbox) => server.call('sandbox_stop', { sandbox_id: sandbox }),
          ),
      });
      return [
        {
          measure: 'sandbox_create on this machine, until the server answers',
          unit: 'ms',
          bar: { of: 'nothing' },
          ours,
          floor: { name: 'python -m jupyter_server without extensions', samples: floor },
        },
      ];
    } finally {
      await lab.end();
    }
  },
};
