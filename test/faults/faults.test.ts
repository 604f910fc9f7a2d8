/** Scripts of work with faults at chosen moments, on real kernels and the built program: after each, the promises hold. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultSeedCount, faultSummaryFile, faultTimes, firstFaultSeed } from '../rigs/variables.ts';
import { Impostor } from './impostor.ts';
import { Lane } from './lane.ts';
import { Moments } from './moments.ts';
import { play, type History, type Stage } from './play.ts';
import { brokenPromises } from './promises.ts';
import { makeScenario } from './scenario.ts';
import { NetworkEvents } from './strike.ts';
import { summaryOf } from './summary.ts';

/** Each has a Jupyter server. More of them than cores, because a script waits much: for kernels, for connections. */
const LANES = 3;
const PER_SEED_MS = 120_000;
const ENOUGH_FAULTS = 30;

let stages: Stage[] = [];
beforeAll(async () => {
  const count = Math.min(LANES, faultSeedCount * faultTimes);
  stages = await Promise.all(Array.from({ length: count }, openStage));
}, 240_000);
afterAll(async () => {
  await Promise.all(
    stages.map(async ({ lane, impostor }) => {
      await lane.end();
      await impostor.stop();
    }),
  );
}, 60_000);

async function openStage(): Promise<Stage> {
  const moments = new Moments();
  const events = new NetworkEvents();
  const impostor = await Impostor.start();
  impostor.onAsked = () => events.tell('asked');
  const lane = await Lane.start({
    before: moments.watcher.before,
    inside: moments.watcher.inside,
    after(message) {
      events.tell('message');
      moments.watcher.after(message);
    },
    refused: () => events.tell('refused'),
    held: () => events.tell('held'),
  });
  return { lane, impostor, moments, events };
}

it(
  `Q3: keeps the promises through ${faultSeedCount} scripts of faults`,
  // A promise that was broken once is broken: no second try.
  { timeout: 60_000 + faultSeedCount * faultTimes * PER_SEED_MS, retry: 0 },
  async () => {
    const begunMs = performance.now();
    const seeds = Array.from(
      { length: faultSeedCount * faultTimes },
      (_, index) => firstFaultSeed + Math.floor(index / faultTimes),
    );
    const broken: string[] = [];
    const histories: History[] = [];
    const work = async (stage: Stage): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const { history, found } = await tryOne(stage, seed);
        if (history !== undefined) histories.push(history);
        broken.push(...found);
      }
    };
    await Promise.all(stages.map(work));
    const seconds = (performance.now() - begunMs) / 1000;
    const summary = summaryOf({ histories, broken: broken.length, seconds });
    process.stdout.write(`${summary}\n`);
    if (faultSummaryFile !== undefined) writeFileSync(faultSummaryFile, `${summary}\n`);
    expect(broken).toEqual([]);
    const tried = histories.flatMap(({ faults }) => faults);
    const onTime = tried.filter((fault) => fault.onTime).length;
    // Else the faults hit nothing but idle sessions; a few of them say nothing.
    if (tried.length >= ENOUGH_FAULTS) expect(onTime).toBeGreaterThan(tried.length / 2);
  },
);

async function tryOne(
  stage: Stage,
  seed: number,
): Promise<{ readonly history: History | undefined; readonly found: readonly string[] }> {
  const replay = `seed ${seed} (GLOVEBOX_FAULT_SEED=${seed} GLOVEBOX_FAULT_SEEDS=1 npm test -- --project faults test/faults/faults.test.ts)`;
  const scenario = makeScenario(seed);
  try {
    await stage.lane.throughRelay();
    const history = await play(stage, scenario);
    const found = await brokenPromises(history);
    if (found.length > 0) {
      const script = scenario.steps.map((step) => JSON.stringify(step)).join('\n');
      const log = await stage.lane.serverLog();
      process.stdout.write(
        `${replay}\n${found.join('\n')}\n${script}\n${history.stderr}\n${log}\n`,
      );
    }
    return { history, found: found.map((sentence) => `${replay}: ${sentence}`) };
  } catch (error) {
    process.stdout.write(`${replay}: ${String(error)}\n`);
    return { history: undefined, found: [`${replay}: ${String(error)}`] };
  } finally {
    stage.lane.forget();
  }
}
