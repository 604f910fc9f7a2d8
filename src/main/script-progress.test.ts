import { expect, it } from 'vitest';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createProgressLines } from './script-progress.ts';

it('F12: one line for each step, and one now and then while a step takes long', () => {
  const clock = createManualClock();
  const lines: string[] = [];
  const { report } = createProgressLines({ clock, write: (line) => void lines.push(line) });
  report({ message: 'building the image' });
  for (let second = 1; second <= 25; second += 1) {
    clock.advance(1000);
    report({ message: `fetching weights, ${second}%`, done: second, total: 25 });
  }
  clock.advance(100);
  report({ message: 'too soon after the last' });
  clock.advance(1000);
  report({ message: 'starting Jupyter' });
  expect(lines).toEqual([
    '[0 s] building the image',
    '[1 s] fetching weights, 1% (1/25)',
    '[11 s] fetching weights, 11% (11/25)',
    '[21 s] fetching weights, 21% (21/25)',
    '[25 s] too soon after the last',
    '[26 s] starting Jupyter',
  ]);
});
