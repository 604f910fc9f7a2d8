/** The hooks that Claude Code installs: the matcher meets every tool of ours under both names, and no other. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { HOOK_EVENTS } from '#hooks/contract.ts';
import { tools } from '#tools/index.ts';

const root = path.resolve(import.meta.dirname, '..');

const entry = z.strictObject({
  matcher: z.string().optional(),
  hooks: z.tuple([
    z.strictObject({
      type: z.literal('command'),
      command: z.literal('node'),
      args: z.tuple([z.literal('${CLAUDE_PLUGIN_ROOT}/dist/hook.cjs'), z.enum(HOOK_EVENTS)]),
      timeout: z.int().min(1).max(30),
    }),
  ]),
});
const { hooks } = z
  .strictObject({ description: z.string(), hooks: z.record(z.enum(HOOK_EVENTS), z.array(entry)) })
  .parse(JSON.parse(readFileSync(path.join(root, 'plugin/hooks/hooks.json'), 'utf8')));

describe('3.4: plugin/hooks/hooks.json', () => {
  it('runs the bundle with the name of each event', () => {
    for (const [event, entries] of Object.entries(hooks))
      for (const { hooks: commands } of entries) expect(commands[0].args[1]).toBe(event);
  });

  const matcher = hooks.PreToolUse[0]?.matcher ?? '';

  it('has a matcher that Claude Code takes for a regular expression', () => {
    expect(matcher).toMatch(/[^A-Za-z0-9_|]/);
  });

  it.each(['mcp__plugin_glovebox_glovebox__', 'mcp__glovebox__', 'mcp__plugin_glovebox_hub__'])(
    'meets every tool as %s...',
    (prefix) => {
      const missed = tools.filter(({ name }) => !new RegExp(matcher).test(`${prefix}${name}`));
      expect(missed.map(({ name }) => name)).toEqual([]);
    },
  );

  it.each([
    'mcp__other__hf_jobs',
    'Bash',
    'Read',
    'mcp__other__mcp__glovebox__hf_jobs',
    'mcp__notglovebox__ping',
  ])('leaves %s alone', (name) => expect(new RegExp(matcher).test(name)).toBe(false));
});
