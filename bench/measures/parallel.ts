/** Whether sessions run side by side: all of them sleep for a second at the same time. */
import type { Bench, Measure } from '../bench.ts';
import type { BareKernel } from '../floors/bare-kernel.ts';
import { openWebsocketKernel } from '../floors/websocket.ts';
import { newSession, runCode, type BenchSession } from '../sessions.ts';
import { interleave, timed } from '../samples.ts';

const CODE = 'import time; time.sleep(1)';

export const parallel: Measure = {
  name: 'parallel',
  async run({ server, jupyter, isQuick, rounds }: Bench) {
    const names = Array.from({ length: isQuick ? 2 : 8 }, (_, number) => `sleeper ${number}`);
    const sessions: BenchSession[] = [];
    const sockets: { readonly kernel: string; readonly bare: BareKernel }[] = [];
    // One after the other: eight kernels that start at once are a measure of their own.
    for (const name of names) {
      sessions.push(await newSession(server, name));
      const kernel = await jupyter.startKernel();
      sockets.push({ kernel, bare: await openWebsocketKernel(jupyter.endpoint, kernel) });
    }
    const { floor, ours } = await interleave(rounds(7), {
      floor: () => timed(() => Promise.all(sockets.map(({ bare }) => bare.execute(CODE)))),
      ours: () =>
        timed(() => Promise.all(sessions.map((session) => runCode(server, session, CODE)))),
    });
    for (const { kernel, bare } of sockets) {
      await bare.close();
      await jupyter.deleteKernel(kernel);
    }
    for (const session of sessions) await session.end();
    return [
      {
        measure: '8 sessions that sleep 1 s at the same time',
        unit: 'ms',
        bar: { of: 'median', most: 1500 },
        ours,
        floor: { name: 'the same over bare kernel websockets', samples: floor },
      },
    ];
  },
};
