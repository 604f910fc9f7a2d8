/** Reads what `python/fetch_models.py` says: lines of JSON about bytes, and words. */
import { isRecord } from '#core/json.ts';
import { renderBytes } from '#core/units.ts';
import type { Progress } from '../backend.ts';
import type { WeightsPlan } from './plan.ts';

/** Undefined for a line that is no progress. */
export function fetchProgress(
  line: string,
  { label, totalBytes }: Pick<WeightsPlan, 'label' | 'totalBytes'>,
): Progress | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const told: unknown = JSON.parse(line);
    const done: unknown = isRecord(told) ? told['done'] : undefined;
    if (typeof done !== 'number') return undefined;
    const message = `fetching ${label}: ${renderBytes(done)} of ${renderBytes(totalBytes)}`;
    return { message, done, total: totalBytes };
  } catch {
    return undefined;
  }
}

/** Takes text in pieces and gives it on in lines. */
export function lineReader(onLine: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}

/** What it is told to fetch. */
export const fetchSpec = (plan: WeightsPlan, hubUrl: string) => ({
  hub: hubUrl,
  repository: plan.repository,
  commit: plan.commit,
  mount: plan.mount,
  folder: plan.folder,
  is_hidden: plan.isHidden,
  files: plan.files,
});
