/** Which conversation this process belongs to, by which budgets count. */
import type { Environment } from '#config/environment.ts';
import { variable } from '#config/environment.ts';

/** The host's own name for it; undefined where the host has none. */
export const hostSession = (env: Environment): string | undefined =>
  variable(env, 'CLAUDE_CODE_SESSION_ID');

/** What coding agents set for the commands that they run: Claude Code, Gemini CLI, Codex, OpenCode, Cursor, and what some agree on. */
const OF_AGENTS = [
  'CLAUDECODE',
  'CLAUDE_CODE_SESSION_ID',
  'GEMINI_CLI',
  'CODEX_SANDBOX',
  'CODEX_SANDBOX_NETWORK_DISABLED',
  'CODEX_THREAD_ID',
  'OPENCODE',
  'CURSOR_AGENT',
  'AI_AGENT',
];

/** A command or a tool call that an agent makes through a shell: there is no person at its terminal. */
export const isRunByAgent = (env: Environment): boolean =>
  OF_AGENTS.some((name) => variable(env, name) !== undefined);
