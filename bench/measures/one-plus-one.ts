/** What a small cell costs: through the server with the notebook kept, and on a kernel without anything between. */
import type { Bench, Measure } from '../bench.ts';
import { openWebsocketKernel } from '../floors/websocket.ts';
import { openZeromqKernel } from '../floors/zeromq.ts';
import { newSession, runCode } from '../sessions.ts';
import { interleave, timed } from '../samples.ts';

const CODE = '1+1';

export const onePlusOne: Measure = {
  name: 'one-plus-one',
  async run({ server, jupyter, rounds }: Bench) {
    const session = await newSession(server, 'one plus one');
    const kernels = [await jupyter.startKernel(), await jupyter.startKernel()] as const;
    const socket = await openWebsocketKernel(jupyter.endpoint, kernels[0]);
    const sockets = await openZeromqKernel(jupyter.connectionFile(kernels[1]));
    const { zeromq, websocket, ours } = await interleave(rounds(100), {
      zeromq: () => timed(() => sockets.execute(CODE)),
      websocket: () => timed(() => socket.execute(CODE)),
      ours: () => timed(() => runCode(server, session, CODE)),
    });
    await socket.close();
    await sockets.close();
    for (const kernel of kernels) await jupyter.deleteKernel(kernel);
    await session.end();
    return [
      {
        measure: '1+1 through MCP with the notebook kept',
        unit: 'ms',
        bar: { of: 'ratio', most: 1.5 },
        ours,
        floor: { name: 'a bare kernel websocket', samples: websocket },
      },
      {
        measure: '1+1 through MCP, against ZeroMQ without a server',
        unit: 'ms',
        bar: { of: 'nothing' },
        ours,
        floor: { name: 'bare ZeroMQ', samples: zeromq },
      },
    ];
  },
};
