/** What a small cell costs: through the server with the notebook kept, and on a kernel without anything between. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, Measure } from '../bench.ts';
import { openWebsocketKernel } from '../floors/websocket.ts';
import { openZeromqKernel } from '../floors/zeromq.ts';
import { newSession, runCode } from '../sessions.ts';
import { interleave, timed } from '../samples.ts';

const CODE = '1+1';

/** All begin on an idle machine, as the calls of an agent do, and not in the wake of the one before. */
const PAUSE_MS = 30;

export const onePlusOne: Measure = {
  name: 'one-plus-one',
  async run({ server, jupyter, rounds }: Bench) {
    const session = await newSession(server, 'one plus one');
    const { endpoint } = jupyter;
    const kernels = [
      await jupyter.startKernel(),
      await jupyter.startKernel(),
      await jupyter.startKernel(),
    ] as const;
    const bare = {
      zeromq: await openZeromqKernel(jupyter.connectionFile(kernels[0])),
      websocket: await openWebsocketKernel(endpoint, kernels[1], 'eager'),
      plain: await openWebsocketKernel(endpoint, kernels[2], 'plain'),
    };
    const { zeromq, websocket, plain, ours } = await interleave(rounds(100), {
      zeromq: () => timedAfterPause(() => bare.zeromq.execute(CODE)),
      websocket: () => timedAfterPause(() => bare.websocket.execute(CODE)),
      plain: () => timedAfterPause(() => bare.plain.execute(CODE)),
      ours: () => timedAfterPause(() => runCode(server, session, CODE)),
    });
    for (const { close } of Object.values(bare)) await close();
    for (const kernel of kernels) await jupyter.deleteKernel(kernel);
    await session.end();
    return [
      {
        measure: '1+1 through MCP with the notebook kept',
        unit: 'ms',
        bar: { of: 'ratio', most: 1.5 },
        ours,
        floor: { name: 'a bare kernel websocket that acknowledges at once', samples: websocket },
      },
      {
        measure: '1+1 through MCP, against a plain websocket',
        unit: 'ms',
        bar: { of: 'nothing' },
        ours,
        floor: { name: 'a bare kernel websocket, as programs use it', samples: plain },
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

async function timedAfterPause(work: () => Promise<unknown>): Promise<number> {
  await delay(PAUSE_MS);
  return timed(work);
}
