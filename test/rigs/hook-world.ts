/** What a hook sees of a machine where nothing has happened yet, a call as Claude Code tells of it, and what the hook decides. */
import { expect } from 'vitest';
import { readPolicySettings } from '#config/policy-settings.ts';
import { isRecord } from '#core/json.ts';
import type { HookWorld } from '#hooks/contract.ts';
import { runHook } from '#hooks/run-hook.ts';
import { systemClock } from '#platform/clock.ts';
import { createRedactor } from '#policy/redaction/redactor.ts';

const PREFIX = 'mcp__plugin_glovebox_glovebox__';

/** @param dir the state folder, and where Claude Code would keep its transcripts */
export function hookWorld(
  dir: string,
  changes: Partial<HookWorld> & { readonly vars?: Record<string, string> } = {},
): HookWorld {
  const { vars = {}, ...rest } = changes;
  return {
    env: {},
    dir,
    projectDir: '/project',
    clock: systemClock,
    sessionId: 's1',
    settings: readPolicySettings(vars),
    defaultBackend: undefined,
    flavors: async () => undefined,
    jobNamespace: undefined,
    quoteOf: async () => undefined,
    readSandbox: async () => undefined,
    fateOf: async () => undefined,
    fateOfJob: async () => ({ kind: 'unknown' }),
    whoAmI: async () => ({ unknown: 'no token' }),
    uploads: {
      isOn: undefined,
      repo: undefined,
      claudeDir: dir,
      startWorker: async () => undefined,
    },
    redactsOutputs: false,
    loadRedactor: async () => createRedactor(),
    signal: new AbortController().signal,
    ...rest,
  };
}

/** The id of every call that is told of by `calling`. */
export const CALL_ID = 'toolu_1';

/** The input of PreToolUse for a call of one of our tools. */
export const calling = (tool: string, tool_input: unknown, more: object = {}): string =>
  JSON.stringify({
    session_id: 's1',
    hook_event_name: 'PreToolUse',
    permission_mode: 'default',
    tool_use_id: CALL_ID,
    tool_name: `${PREFIX}${tool}`,
    tool_input,
    ...more,
  });

/** What PreToolUse decided, and the reason. */
export async function decide(stdin: string, world: HookWorld) {
  const { exitCode, stdout = '', stderr } = await runHook('PreToolUse', stdin, world);
  if (stdout === '') return { exitCode, decision: 'nothing', reason: '', stderr };
  const { hookSpecificOutput }: { hookSpecificOutput?: unknown } = JSON.parse(stdout);
  if (!isRecord(hookSpecificOutput)) throw new Error(stdout);
  expect(hookSpecificOutput['hookEventName']).toBe('PreToolUse');
  return {
    exitCode,
    decision: hookSpecificOutput['permissionDecision'],
    reason: String(hookSpecificOutput['permissionDecisionReason']),
  };
}

/** Arguments of a sandbox that costs money. */
export const PAID_SANDBOX = {
  backend: 'modal',
  options: { gpu: 'T4', max_lifetime_seconds: 7200 },
};
