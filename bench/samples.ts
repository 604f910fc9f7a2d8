/** Takes samples of several contestants in turn, so that what else the machine does falls on all of them alike. */

/** One sample: what it costs, in milliseconds unless the contestant says otherwise. */
export type Contestant = () => Promise<number>;

/** How long some work takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** How long it takes to make something, which is then ended outside the measured time. */
export async function timedStart<T>(
  start: () => Promise<T>,
  end: (made: T) => Promise<unknown>,
): Promise<number> {
  const began = performance.now();
  const made = await start();
  const ms = performance.now() - began;
  await end(made);
  return ms;
}

/** One sample of each contestant per round, in the order given; before several rounds, one of all warms up and is not kept. */
export async function interleave<Name extends string>(
  rounds: number,
  contestants: Readonly<Record<Name, Contestant>>,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const taken = new Map<string, number[]>();
  for (let round = rounds > 1 ? -1 : 0; round < rounds; round += 1) {
    for (const [name, contestant] of Object.entries<Contestant>(contestants)) {
      const sample = await contestant();
      if (round >= 0) taken.set(name, [...(taken.get(name) ?? []), sample]);
    }
  }
  return { ...contestants, ...Object.fromEntries(taken) };
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** Between neighbours in proportion, so that the median of an even number lies in the middle. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** Each sample against the one of the same round; the median of them is what a noisy machine changes least. */
export function medianRatio(ours: readonly number[], floor: readonly number[]): number {
  return median(ours.map((sample, round) => sample / (floor[round] ?? Number.NaN)));
}
