import { describe, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { tools } from '#tools/index.ts';
import { factsOf } from '#tools/listed-tool.ts';
import { createParameterHelp } from './parameter-help.ts';

const named = (name: string) => {
  const found = tools.find((tool) => tool.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return factsOf(found);
};
const jobs = named('hf_jobs');
const invalid = new GloveboxError('input/invalid', 'wrong');

describe('10: after two wrong calls in a row the parameters are told', () => {
  it('those of the operation that was meant, however it is written', () => {
    const help = createParameterHelp();
    expect(help.ended(jobs, { operation: 'logs' }, invalid)).toBeUndefined();
    const table = help.ended(jobs, { operation: ' LOGS ' }, invalid) ?? '';
    expect(table).toContain('Parameters of hf_jobs, operation "logs":');
    expect(table).toMatch(/^ {2}operation \(.*\| logs \|.*, required\): What to do\.$/m);
    expect(table).toContain('  tail (integer 1 to 5000): logs: last lines.');
    expect(table).toContain('  wait_seconds (integer 0 to 120): run, logs, wait:');
    expect(table).not.toMatch(/^ {2}(script|all|schedule|ssh) /m);
  });

  it('a scheduled run has those of run', () => {
    const help = createParameterHelp();
    help.ended(jobs, {}, invalid);
    const table = help.ended(jobs, { operation: 'scheduled-run' }, invalid) ?? '';
    expect(table).toMatch(/^ {2}script /m);
    expect(table).toMatch(/^ {2}schedule /m);
    expect(table).not.toMatch(/^ {2}(grep|all) /m);
  });

  it('all of them where no operation can be made out, for every tool', () => {
    for (const tool of tools) {
      const help = createParameterHelp();
      help.ended(factsOf(tool), null, invalid);
      const table = help.ended(factsOf(tool), { operation: ['run'] }, invalid) ?? '';
      const lines = table.split('\n').slice(1);
      expect(lines.map((line) => line.trim().split(' ', 1)[0])).toEqual(
        Object.keys(tool.input.shape),
      );
    }
  });

  it('not after anything else came between, and each tool for itself', () => {
    const help = createParameterHelp();
    const other = named('sandbox_create');
    help.ended(jobs, {}, invalid);
    expect(help.ended(other, {}, invalid)).toBeUndefined();
    help.ended(jobs, {});
    expect(help.ended(jobs, {}, invalid)).toBeUndefined();
    help.ended(jobs, {}, new GloveboxError('policy/refused', 'no'));
    expect(help.ended(jobs, {}, invalid)).toBeUndefined();
    expect(help.ended(jobs, {}, invalid)).toContain('Parameters of hf_jobs:');
    expect(help.ended(jobs, {}, invalid)).toContain('Parameters of hf_jobs:');
  });
});
