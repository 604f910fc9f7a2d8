/** Makes paths of people absolute. Loads nothing: hooks, which start for every call of a tool, need it too. */
import { realpathSync } from 'node:fs';
import path from 'node:path';

/** Where a value was written, for what is relative. */
export interface Place {
  readonly base: string;
  readonly home: string;
}

export function absolute(value: string, { base, home }: Place): string {
  if (value === '~' || /^~[/\\]/.test(value)) return path.join(home, value.slice(1));
  return path.resolve(base, value);
}

export function realPath(dir: string): string {
  try {
    return realpathSync(dir);
  } catch {
    return dir;
  }
}
