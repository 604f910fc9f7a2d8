/** What a cell that prints 10 MB costs in time, in memory of the server and in characters of the answer. */
import type { Bench, Measure } from '../bench.ts';
import type { BareKernel } from '../floors/bare-kernel.ts';
import { openWebsocketKernel } from '../floors/websocket.ts';
import { newSession, runCode } from '../sessions.ts';
import { interleave, timed } from '../samples.ts';

const LINE_CHARS = 100;
const BYTES = 10_000_000;
const MB = 1_000_000;
/** The default of `output.max_chars`, and room for the headline around it. */
const REPLY_CHARS = 10_500;

const printing = (bytes: number): string =>
  `for number in range(${bytes / LINE_CHARS}): print(f"{number:0${LINE_CHARS - 1}d}")`;

export const largeOutput: Measure = {
  name: 'large-output',
  async run({ lab, jupyter, isQuick, rounds }: Bench) {
    const bytes = isQuick ? BYTES / 100 : BYTES;
    const kernel = await jupyter.startKernel();
    const socket = await openWebsocketKernel(jupyter.endpoint, kernel);
    const peaksBefore: number[] = [];
    const peaks: number[] = [];
    const replies: number[] = [];
    const { floor, ours } = await interleave(rounds(8), {
      floor: () => timed(() => printBare(socket, bytes)),
      async ours() {
        // A server of its own each time: peak memory never goes down again.
        const server = await lab.startServer();
        const session = await newSession(server, 'large output');
        await runCode(server, session, '1+1');
        peaksBefore.push((await server.peakMemoryBytes()) / MB);
        let reply = 0;
        const ms = await timed(async () => {
          const { text } = await runCode(server, session, printing(bytes));
          reply = text.length;
        });
        // The end of the session saves the notebook, which takes memory too.
        await session.end();
        peaks.push((await server.peakMemoryBytes()) / MB);
        replies.push(reply);
        await server.stop();
        return ms;
      },
    });
    await socket.close();
    await jupyter.deleteKernel(kernel);
    return [
      {
        measure: '10 MB printed by one cell',
        unit: 'ms',
        bar: { of: 'ratio', most: 2 },
        ours,
        floor: { name: 'the same over a bare kernel websocket', samples: floor },
      },
      {
        measure: '10 MB printed by one cell: peak memory of the server',
        unit: 'MB',
        bar: { of: 'median', most: 150 },
        ours: peaks,
        floor: { name: 'the server before that cell', samples: peaksBefore },
      },
      {
        measure: '10 MB printed by one cell: size of the reply',
        unit: 'characters',
        bar: { of: 'median', most: REPLY_CHARS },
        ours: replies,
      },
    ];
  },
};

async function printBare(socket: BareKernel, bytes: number): Promise<void> {
  const { textChars } = await socket.execute(printing(bytes));
  if (textChars !== bytes) throw new Error(`the floor got ${textChars} of ${bytes} characters`);
}
