/** Scripts of work with faults at chosen points, on real kernels and the built program: after each, the promises hold. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lane } from './lane.ts';
import { play } from './play.ts';
import { brokenPromises } from './promises.ts';
import { makeScenario } from './scenario.ts';
import { faultSeedCount, firstFaultSeed } from '../rigs/variables.ts';

const SERVER_LANES = 3;
const PER_SEED_MS = 120_000;

let lanes: Lane[] = [];
beforeAll(async () => {
  const count = Math.min(SERVER_LANES, faultSeedCount);
  lanes = await Promise.all(Array.from({ length: count }, () => Lane.start()));
}, 240_000);
afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.end()));
}, 60_000);

it(
  `keeps the promises through ${faultSeedCount} scripts of faults`,
  async () => {
    const seeds = Array.from({ length: faultSeedCount }, (_, index) => firstFaultSeed + index);
    const broken: string[] = [];
    const tried = new Map<string, number>();
    const work = async (lane: Lane): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const { faults, found } = await tryOne(lane, seed);
        for (const kind of faults) tried.set(kind, (tried.get(kind) ?? 0) + 1);
        broken.push(...found);
      }
    };
    await Promise.all(lanes.map(work));
    const count = [...tried.values()].reduce((sum, one) => sum + one, 0);
    const kinds = [...tried].map(([kind, times]) => `${kind} ${times}`).join(', ');
    process.stdout.write(
      `seeds: ${faultSeedCount}, faults tried: ${count} (${kinds}), promises broken: ${broken.length}\n`,
    );
    expect(broken).toEqual([]);
  },
  60_000 + faultSeedCount * PER_SEED_MS,
);

async function tryOne(
  lane: Lane,
  seed: number,
): Promise<{ readonly faults: readonly string[]; readonly found: readonly string[] }> {
  const replay = `seed ${seed} (GLOVEBOX_FAULT_SEED=${seed} GLOVEBOX_FAULT_SEEDS=1 npx --no-install vitest run --project faults)`;
  const scenario = makeScenario(seed);
  try {
    await lane.throughRelay();
    const history = await play(lane, scenario);
    const found = await brokenPromises(history);
    if (found.length > 0) {
      const script = scenario.steps.map((step) => JSON.stringify(step)).join('\n');
      process.stdout.write(`${replay}\n${found.join('\n')}\n${script}\n${history.stderr}\n`);
    }
    return {
      faults: history.faults.map(({ kind }) => kind),
      found: found.map((sentence) => `${replay}: ${sentence}`),
    };
  } catch (error) {
    process.stdout.write(`${replay}: ${String(error)}\n`);
    return { faults: [], found: [`${replay}: ${String(error)}`] };
  }
}
