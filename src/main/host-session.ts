/** Which conversation this process belongs to, by which budgets count. */
import type { Environment } from '#config/environment.ts';
import { variable } from '#config/environment.ts';

/** The host's own name for it; undefined where the host has none. */
export const hostSession = (env: Environment): string | undefined =>
  variable(env, 'CLAUDE_CODE_SESSION_ID');

/** A command or a tool call that an agent makes through a shell: there is no person at its terminal. */
export const isRunByAgent = (env: Environment): boolean =>
  variable(env, 'CLAUDECODE') !== undefined;
