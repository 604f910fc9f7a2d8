/** Progress of a set-up script as lines: one for each step, and one now and then for a step that takes long (F12). */
import type { Clock } from '#platform/clock.ts';
import type { Progress } from '#sandbox/backend.ts';

const STEP_MS = 1000;
const SAME_STEP_MS = 10_000;

export interface ProgressLines {
  readonly report: (progress: Progress) => void;
}

export function createProgressLines({
  clock,
  write,
}: {
  readonly clock: Clock;
  readonly write: (line: string) => void;
}): ProgressLines {
  const startMs = clock.monotonic();
  let lastMs = Number.NEGATIVE_INFINITY;
  let lastStep = '';
  return {
    report({ message, done, total }) {
      const nowMs = clock.monotonic();
      // Only figures move within a step.
      const step = message.replaceAll(/[\d.,]+/g, '#');
      if (nowMs - lastMs < (step === lastStep ? SAME_STEP_MS : STEP_MS)) return;
      lastMs = nowMs;
      lastStep = step;
      const count = done === undefined || total === undefined ? '' : ` (${done}/${total})`;
      write(`[${Math.round((nowMs - startMs) / 1000)} s] ${message}${count}`);
    },
  };
}
