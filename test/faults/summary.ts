/** What the fault suite has done, in words. */
import type { History } from './play.ts';

export function summaryOf(done: {
  readonly histories: readonly History[];
  readonly broken: number;
  readonly seconds: number;
}): string {
  const { histories, broken, seconds } = done;
  const faults = histories.flatMap((history) => history.faults);
  const onTime = faults.filter((fault) => fault.onTime).length;
  const runs = histories.flatMap((history) => history.runs);
  const ends = runs.map(({ answers }) => {
    const state = answers.at(-1)?.meta['state'];
    return typeof state === 'string' ? state : 'not answered';
  });
  return [
    `faults: ${histories.length} scripts in ${Math.round(seconds)} s`,
    `faults tried: ${faults.length} (${tally(faults.map(({ fault }) => fault.kind))}), ${onTime} of them in the moment they were meant for`,
    `runs judged: ${runs.length} (${tally(ends)})`,
    `promises broken: ${broken}`,
  ].join('\n');
}

function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([word, count]) => `${word} ${count}`)
    .join(', ');
}
