/** Reads what `sbatch` answers. */

export interface Submitted {
  readonly id: string;
  /** Of a federation or with `-M`: all further calls name it. */
  readonly cluster?: string;
}

/** `--parsable`: `4711` or `4711;cluster`, after whatever a site's wrapper prints. */
export function parseSubmitted(stdout: string): Submitted | undefined {
  for (const line of stdout.split('\n').toReversed()) {
    const match = /^(\d+)(?:;(\S+))?\s*$/.exec(line.trim());
    if (match?.[1] === undefined) continue;
    return { id: match[1], ...(match[2] !== undefined && { cluster: match[2] }) };
  }
  return undefined;
}

/** Of `--test-only`: when the job would start, by the cluster's clock. */
export function parseTestOnly(text: string): { readonly startMs: number } | undefined {
  const match = /Job \d+ to start at (\d{9,11}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const startMs = /^\d+$/.test(match[1]) ? Number(match[1]) * 1000 : Date.parse(match[1]);
  return Number.isFinite(startMs) ? { startMs } : undefined;
}
