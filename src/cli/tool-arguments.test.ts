import { expect, it } from 'vitest';
import * as z from 'zod';
import { describeFlags, parseFlags } from './tool-arguments.ts';

const schema = z.strictObject({
  session_id: z.string().describe('Session id.'),
  cell: z.union([z.string(), z.int32()]).optional().describe('A cell.'),
  cells: z.array(z.union([z.string(), z.int32()])).optional(),
  names: z.array(z.string()).optional(),
  wait_s: z.number().optional(),
  fork: z.boolean().optional().describe('Fork it.'),
  mode: z.enum(['a', 'b']).optional(),
  options: z.record(z.string(), z.json()).optional(),
});
const parse = (...words: readonly string[]): Promise<Record<string, unknown>> =>
  parseFlags(words, schema, () => Promise.resolve('from stdin'));

it('makes of words what the schema wants', async () => {
  expect(await parse('--session-id', 's-1', '--wait_s=2.5', '--fork', '--mode', 'b')).toEqual({
    session_id: 's-1',
    wait_s: 2.5,
    fork: true,
    mode: 'b',
  });
  expect(await parse('--no-fork', '--cell', '-1')).toEqual({ fork: false, cell: -1 });
  expect(await parse('--fork', 'false', '--cell', 'ab12')).toEqual({ fork: false, cell: 'ab12' });
  expect(await parse('--cells', '1', '--cells', 'x', '--names', '1')).toEqual({
    cells: [1, 'x'],
    names: ['1'],
  });
  expect(await parse('--cells', '[0, 2]', '--options', '{"cpus": 2}')).toEqual({
    cells: [0, 2],
    options: { cpus: 2 },
  });
});

it('keeps values as they are written', async () => {
  expect(await parse('--session-id', '--strange', '--session-id=a=b\nc')).toEqual({
    session_id: 'a=b\nc',
  });
  expect(await parse('--session-id', '42')).toEqual({ session_id: '42' });
  expect(await parse('--session-id', '')).toEqual({ session_id: '' });
  expect(await parse('--wait-s', 'soon', '--options', '{')).toEqual({
    wait_s: 'soon',
    options: '{',
  });
});

it('reads - from stdin', async () => {
  expect(await parse('--session-id', '-')).toEqual({ session_id: 'from stdin' });
});

it.each([
  [['--sesion-id', 'x'], 'There is no --sesion-id. Did you mean --session-id?'],
  [['surplus'], '"surplus" is not expected here.'],
  [['--session-id'], '--session-id needs a value.'],
  [['--no-session-id', 'x'], '--session-id needs a value.'],
])('refuses %j', async (words, message) => {
  await expect(parse(...words)).rejects.toMatchObject({ code: 'input/invalid', message });
});

it('describes the flags', () => {
  const text = describeFlags(schema);
  expect(text).toContain('--session-id <string>  (required)\n      Session id.');
  expect(text).toContain('--cell <string|integer>\n');
  expect(text).toContain('--fork\n      Fork it.');
  expect(text).toContain('--mode <a|b>');
  expect(text).toContain('--names <string, repeatable>');
  expect(text).toContain('--options <json>');
});
