import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tools } from '#tools/index.ts';
import { inputSchemaOf } from '#tools/input-schema.ts';
import { isRecord } from '#core/json.ts';
import { CALL_TABLE } from './call-table.ts';
import { classify, operationsOf } from './classify.ts';
import type { CallFacts, PolicySettings } from './contract.ts';
import { normaliseCall, normaliseOperation } from './normalise.ts';

const SETTINGS: PolicySettings = {
  autoApprove: false,
  sessionCap: undefined,
  dayCap: undefined,
  confirmCpuJobs: true,
  confirmSlurm: false,
};
const NO_CPU = { ...SETTINGS, confirmCpuJobs: false };

const classOf = (
  tool: string,
  operation: string,
  facts: CallFacts = {},
  settings: PolicySettings = SETTINGS,
): string | undefined => {
  const call = normaliseCall(`mcp__plugin_glovebox_glovebox__${tool}`, { operation });
  return call === undefined ? undefined : classify(call, facts, settings).class;
};

describe('3.2: the table', () => {
  it.each(tools)('knows $name and every operation of it', (tool) => {
    expect(Object.keys(CALL_TABLE)).toContain(tool.name);
    const { properties } = inputSchemaOf(tool);
    const operation = isRecord(properties) ? properties['operation'] : undefined;
    const named: unknown = isRecord(operation) ? operation['enum'] : undefined;
    if (!Array.isArray(named) || operationsOf(tool.name) === undefined) return;
    const spelled = named.map((word: unknown) => normaliseOperation(String(word)));
    expect(operationsOf(tool.name)?.toSorted()).toEqual(spelled.toSorted());
  });

  it.each(tools.filter(({ hints }) => hints.readOnly))(
    'lets $name run, which only reads',
    ({ name }) => {
      expect(classify({ tool: name, operation: '' }, {}, SETTINGS).class).toBe('free');
    },
  );

  it.each([
    ['RUN', 'ask'],
    [' run ', 'ask'],
    ['Run', 'ask'],
    ['scheduled  run', 'manual'],
    ['scheduled_run', 'manual'],
    ['SCHEDULED-RUN', 'manual'],
    ['scheduled resume', 'manual'],
    ['scheduled uv', 'deny'],
    ['scheduled foo', 'deny'],
    ['', 'deny'],
    ['scheduled ps', 'free'],
    ['scheduled inspect', 'free'],
    ['scheduled suspend', 'free'],
    ['scheduled delete', 'ask'],
    ['logs', 'free'],
    ['constructor', 'deny'],
    ['__proto__', 'deny'],
  ])('11.2: hf_jobs %j is %s', (operation, expected) =>
    expect(classOf('hf_jobs', operation, { hardware: 'a10g-large' })).toBe(expected),
  );

  it.each([
    ['cpu-basic', SETTINGS, 'ask'],
    ['cpu-basic', NO_CPU, 'free'],
    ['cpu-upgrade', NO_CPU, 'free'],
    ['cpu-performance', NO_CPU, 'ask'],
    [undefined, NO_CPU, 'ask'],
  ])('11.2: a job on %s', (hardware, settings, expected) =>
    expect(classOf('hf_jobs', 'run', hardware === undefined ? {} : { hardware }, settings)).toBe(
      expected,
    ),
  );

  it.each<[string, string, CallFacts, string]>([
    ['hf_jobs', 'cancel', { isOurs: true }, 'free'],
    ['hf_jobs', 'cancel', { isOurs: false }, 'ask'],
    ['hf_jobs', 'cancel', {}, 'ask'],
    ['hf_jobs', 'run', { worstAdvisory: 'high' }, 'manual'],
    ['hf_jobs', 'run', { givesTokenAway: true }, 'manual'],
    ['hf_jobs', 'run', { logsInPublic: true }, 'manual'],
    ['hf_repo_git', 'create_pr', { ownership: 'own' }, 'free'],
    ['hf_repo_git', 'create_pr', { ownership: 'organisation' }, 'free'],
    ['hf_repo_git', 'create_pr', { ownership: 'foreign' }, 'manual'],
    ['hf_repo_git', 'comment_pr', { ownership: 'unknown' }, 'manual'],
    ['hf_repo_git', 'comment_pr', {}, 'manual'],
    ['hf_repo_git', 'delete_branch', { ownership: 'own' }, 'ask'],
    ['hf_repo_git', 'merge_pr', { ownership: 'own' }, 'ask'],
    ['hf_repo_git', 'create_repo', { ownership: 'own' }, 'ask'],
    ['hf_repo_git', 'create_repo', { ownership: 'own', publishes: true }, 'manual'],
    ['hf_repo_git', 'update_repo', { ownership: 'own', publishes: true }, 'manual'],
    ['hf_repo_files', 'upload', { ownership: 'own', publishes: true }, 'ask'],
    ['hf_repo_files', 'upload', { ownership: 'own', hasSecrets: true }, 'manual'],
    ['hf_repo_files', 'delete', { ownership: 'foreign' }, 'manual'],
    ['sandbox_create', '', { backend: 'local' }, 'free'],
    ['sandbox_create', '', { backend: 'slurm' }, 'free'],
    ['sandbox_create', '', { backend: 'local', givesSecrets: true }, 'ask'],
    ['sandbox_create', '', { backend: 'local', givesSecrets: true, isDryRun: true }, 'free'],
    ['sandbox_create', '', { backend: 'modal' }, 'ask'],
    ['sandbox_create', '', { backend: 'huggingface', hardware: 'cpu-basic' }, 'ask'],
    ['sandbox_create', '', {}, 'ask'],
    ['sandbox_create', '', { backend: 'modal', isDryRun: true }, 'free'],
    ['sandbox_stop', '', { isOurs: true }, 'free'],
    ['sandbox_stop', '', {}, 'ask'],
    ['no_such_tool', '', {}, 'deny'],
  ])('%s %s with %j is %s', (tool, operation, facts, expected) =>
    expect(classOf(tool, operation, facts)).toBe(expected),
  );

  it.each([
    ['mcp__plugin_glovebox_glovebox__vision__classify', 'vision__classify', 'free'],
    ['mcp__glovebox__hf_jobs', 'hf_jobs', 'deny'],
    ['mcp__plugin_glovebox_hub__hf_jobs', 'hf_jobs', 'deny'],
    ['mcp__glovebox____hf_jobs', '__hf_jobs', 'deny'],
    ['mcp__glovebox____proto__', '__proto__', 'deny'],
  ])('%s is %s, and without an operation %s', (name, tool, expected) => {
    const call = normaliseCall(name, {});
    expect(call?.tool).toBe(tool);
    expect(call === undefined ? '' : classify(call, {}, SETTINGS).class).toBe(expected);
  });

  it('asks before a SLURM allocation where the user wants it', () =>
    expect(
      classOf('sandbox_create', '', { backend: 'slurm' }, { ...SETTINGS, confirmSlurm: true }),
    ).toBe('ask'));
});

describe('1.3: no spelling slips past', () => {
  const gated = ['run', 'scheduled_run', 'scheduled_delete', 'cancel'] as const;
  const blank = fc.constantFrom(' ', '\t', '\n', '_', '-', '  ', ' - ', '_ ');
  const spelling = (word: string) =>
    fc
      .tuple(
        fc.array(fc.boolean(), { minLength: word.length, maxLength: word.length }),
        fc.array(blank, { minLength: 3, maxLength: 3 }),
        fc.constantFrom('', ' ', '\t', '\n '),
        fc.constantFrom('', ' ', '\r\n'),
      )
      .map(([upper, gaps, before, after]) => {
        let at = 0;
        const letters = Array.from(word, (letter, index) =>
          letter === '_'
            ? (gaps[at++ % gaps.length] ?? '_')
            : upper[index] === true
              ? letter.toUpperCase()
              : letter,
        );
        return before + letters.join('') + after;
      });

  it.each(gated)('%s has one class however it is written', (word) => {
    fc.assert(
      fc.property(spelling(word), (text) => classOf('hf_jobs', text) === classOf('hf_jobs', word)),
    );
  });

  it('whatever else is written is denied, or free for what only reads', () => {
    const known = new Set(operationsOf('hf_jobs'));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const call = normaliseCall('hf_jobs', { operation: text });
        return (
          call !== undefined && (known.has(call.operation) || classOf('hf_jobs', text) === 'deny')
        );
      }),
    );
  });

  it.each([undefined, null, 'text', [], 5, true])('arguments that are %j are no call', (input) =>
    expect(normaliseCall('hf_jobs', input)).toBeUndefined(),
  );

  it.each(['', ' ', undefined, 7, null])('a name that is %j is none either', (name) =>
    expect(normaliseCall(name, {})).toBeUndefined(),
  );

  it.each([[['run']], [{ a: 1 }], [7], [true]])(
    'an operation that is %j is none either',
    (operation) => expect(normaliseCall('hf_jobs', { operation })).toBeUndefined(),
  );

  it('the hash is that of the call, not of how it is written', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(json, fc.integer({ min: 1, max: 600 }), (args, wait) => {
        const one = normaliseCall('mcp__glovebox__hf_jobs', { ...args, operation: 'run' });
        const shuffled = Object.fromEntries(Object.entries({ ...args, wait_s: wait }).toReversed());
        const two = normaliseCall('mcp__plugin_glovebox_glovebox__hf_jobs', {
          operation: ' RUN',
          ...shuffled,
          ...('operation' in args ? { operation: 'run' } : {}),
        });
        return one?.argsHash === two?.argsHash || 'wait_s' in args;
      }),
    );
  });

  it.each([
    [{ flavor: 'a' }, { flavor: 'b' }],
    [{ command: ['a', 'b'] }, { command: ['b', 'a'] }],
    [{ options: { gpu: 'T4' } }, { options: { gpu: 'H100' } }],
    [{}, { dry_run: true }],
  ])('%j and %j are two calls', (a, b) =>
    expect(normaliseCall('x', a)?.argsHash).not.toBe(normaliseCall('x', b)?.argsHash),
  );
});
