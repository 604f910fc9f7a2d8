/** What it costs that several servers work on one notebook, and that many edits come at once. */
import type { Bench, Measure } from '../bench.ts';
import type { McpProcess } from '../mcp-process.ts';
import type { Finding } from '../row.ts';
import { newSession, runCode, type BenchSession } from '../sessions.ts';
import { interleave, timed } from '../samples.ts';

const CELLS = 40;
const SERVERS = 4;
const EDITS = 30;

export const severalClients: Measure = {
  name: 'several-clients',
  run: async (bench: Bench) => [await cellsOfSeveral(bench), await editsAtOnce(bench)],
};

async function cellsOfSeveral({ lab, server, isQuick, rounds }: Bench): Promise<Finding> {
  const servers = [server];
  while (servers.length < (isQuick ? 2 : SERVERS)) servers.push(await lab.startServer());
  const [, ...others] = servers;
  const cells = isQuick ? SERVERS : CELLS;
  const { floor, ours } = await interleave(rounds(7), {
    floor: () => inNewNotebook(server, cells, (session) => runOn([server], session, cells)),
    ours: () =>
      inNewNotebook(server, cells, async (session) => {
        // Attaching is not what is measured.
        for (const other of others) {
          await other.call('attach_to_session', { session_id: session.id });
        }
        return runOn(servers, session, cells);
      }),
  });
  for (const other of others) await other.stop();
  return {
    measure: '40 cells of 4 servers at once in one notebook',
    unit: 'ms',
    bar: { of: 'nothing' },
    ours,
    floor: { name: 'the same 40 from one server', samples: floor },
  };
}

async function editsAtOnce({ server, rounds }: Bench): Promise<Finding> {
  const numbers = Array.from({ length: EDITS }, (_, number) => number);
  const add = ({ id }: BenchSession, number: number): Promise<unknown> =>
    server.call('add_markdown', { session_id: id, markdown: `text ${number}` });
  const { floor, ours } = await interleave(rounds(7), {
    floor: () =>
      inNewNotebook(server, EDITS, (session) =>
        timed(async () => {
          for (const number of numbers) await add(session, number);
        }),
      ),
    ours: () =>
      inNewNotebook(server, EDITS, (session) =>
        timed(() => Promise.all(numbers.map((number) => add(session, number)))),
      ),
  });
  return {
    measure: '30 texts added at once',
    unit: 'ms',
    bar: { of: 'nothing' },
    ours,
    floor: { name: 'the same one after the other', samples: floor },
  };
}

/** All of the cells have to be there in the end: one that is lost would make it fast. */
async function inNewNotebook(
  server: McpProcess,
  cells: number,
  work: (session: BenchSession) => Promise<number>,
): Promise<number> {
  const session = await newSession(server, 'together');
  const ms = await work(session);
  await server.call('read_notebook', { session_id: session.id, cells: [cells - 1] });
  await session.end();
  return ms;
}

/** Every server runs its share one after the other, all at the same time. */
function runOn(
  servers: readonly McpProcess[],
  session: BenchSession,
  cells: number,
): Promise<number> {
  const work = async (server: McpProcess): Promise<void> => {
    for (let left = cells / servers.length; left > 0; left -= 1) {
      await runCode(server, session, '1+1');
    }
  };
  return timed(() => Promise.all(servers.map(work)));
}
