/** The only reader of `process.env`. */
import { homedir } from 'node:os';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process, as a copy. */
export const readEnvironment = (): Environment => ({ ...process.env });

/**
 * One variable. Blank counts as unset, and so does a value that begins with `${`: hosts pass `${NAME}` on literally when
 * they know no value for it.
 */
export function variable(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === '' || value.startsWith('${') ? undefined : value;
}

export const homeIn = (env: Environment): string => variable(env, 'HOME') ?? homedir();
