/** Reads time limits as SLURM writes them, and writes them for people. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const FORMS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^(\d+)$/, [MINUTE_MS]],
  [/^(\d+):(\d+)$/, [MINUTE_MS, 1000]],
  [/^(\d+):(\d+):(\d+)$/, [HOUR_MS, MINUTE_MS, 1000]],
  [/^(\d+)-(\d+)$/, [DAY_MS, HOUR_MS]],
  [/^(\d+)-(\d+):(\d+)$/, [DAY_MS, HOUR_MS, MINUTE_MS]],
  [/^(\d+)-(\d+):(\d+):(\d+)$/, [DAY_MS, HOUR_MS, MINUTE_MS, 1000]],
];

/** The largest value of a field that is not the first one; the first may be of any size. */
const LARGEST = new Map([
  [1000, 59],
  [MINUTE_MS, 59],
  [HOUR_MS, 23],
]);

/**
 * A limit as `sbatch --time` takes it: `m`, `m:s`, `h:m:s`, `d-h`, `d-h:m`, `d-h:m:s` or `UNLIMITED`.
 * Undefined for anything else, also where a field is out of range or nothing is left.
 */
export function parseTimeLimitMs(text: string): number | undefined {
  if (/^(unlimited|infinite)$/i.test(text)) return Number.POSITIVE_INFINITY;
  for (const [form, units] of FORMS) {
    const fields = form.exec(text)?.slice(1).map(Number);
    if (fields === undefined) continue;
    const inRange = fields.every(
      (field, at) => at === 0 || field <= (LARGEST.get(units[at] ?? 0) ?? Number.POSITIVE_INFINITY),
    );
    const ms = fields.reduce((sum, field, at) => sum + field * (units[at] ?? 0), 0);
    const isSane = inRange && ms > 0 && ms <= 3660 * DAY_MS;
    return isSane ? ms : undefined;
  }
  return undefined;
}

/** A limit as `sbatch --time` takes it, `h:mm:ss`, rounded down. */
export function renderTimeLimit(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const fields = [Math.floor(seconds / 60) % 60, seconds % 60];
  const digits = fields.map((field) => String(field).padStart(2, '0'));
  return [Math.floor(seconds / 3600), ...digits].join(':');
}

/** Time left as `squeue -o %L` prints it: `[d-][h:]m:s`. Undefined for `N/A`, `INVALID`, `NOT_SET` and empty. */
export function parseTimeLeftMs(text: string): number | undefined {
  if (/^unlimited$/i.test(text)) return Number.POSITIVE_INFINITY;
  const match = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match
    .slice(1)
    .map((field) => Number(field ?? 0));
  return days * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS + seconds * 1000;
}

/** A time of SLURM's under `SLURM_TIME_FORMAT=%s`. Undefined for `N/A`, `Unknown` and empty. */
export function parseEpochMs(text: string): number | undefined {
  return /^\d{9,11}$/.test(text) ? Number(text) * 1000 : undefined;
}
