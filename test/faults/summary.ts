/** What the fault suite has done, in words. */
import type { PlayedFault } from './play.ts';

export function summaryOf(done: {
  readonly seeds: number;
  readonly tried: readonly PlayedFault[];
  readonly broken: number;
  readonly seconds: number;
}): string {
  const { seeds, tried, broken, seconds } = done;
  const counts = new Map<string, number>();
  for (const { fault } of tried) counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
  const kinds = [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
  const onTime = tried.filter((fault) => fault.onTime).length;
  return [
    `faults: ${seeds} scripts in ${Math.round(seconds)} s`,
    `faults tried: ${tried.length} (${kinds}), ${onTime} of them in the moment they were meant for`,
    `promises broken: ${broken}`,
  ].join('\n');
}
