/** What an agent sees of the tools: a snapshot for each, the rules of their schemas, and what they cost. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import type { Tool } from './define-tool.ts';
import { tools } from './index.ts';
import { inputSchemaOf } from './input-schema.ts';

const snapshots = path.resolve(import.meta.dirname, '../../test/surface');

function surfaceOf(tool: Tool): Record<string, unknown> {
  const { name, toolset, title, description, hints, alwaysLoad } = tool;
  return {
    name,
    toolset,
    title,
    alwaysLoad,
    hints,
    description,
    input: inputSchemaOf(tool),
  };
}

/** About four characters make a token: a documented estimate, not a count of any tokenizer. */
function tokensOf(listed: readonly Tool[]): number {
  const listing = listed.map((tool) => {
    const { name, title, description } = tool;
    return { name, title, description, inputSchema: inputSchemaOf(tool) };
  });
  return Math.ceil(JSON.stringify(listing).length / 4);
}

/** Every place in a schema where a value is described, with its path. */
function* fieldsOf(schema: unknown, at: string): Generator<[string, Record<string, unknown>]> {
  if (!isRecord(schema)) return;
  for (const [key, field] of Object.entries(
    isRecord(schema['properties']) ? schema['properties'] : {},
  )) {
    if (!isRecord(field)) continue;
    yield [`${at}.${key}`, field];
    yield* fieldsOf(field, `${at}.${key}`);
    yield* fieldsOf(field['items'], `${at}.${key}[]`);
    for (const branch of [field['anyOf'], field['oneOf']].flat())
      yield* fieldsOf(branch, `${at}.${key}`);
  }
}

const isNullable = (field: Record<string, unknown>): boolean =>
  JSON.stringify([field['type'], field['anyOf'], field['oneOf']]).includes('"null"');

describe.each(tools.map((tool) => ({ name: tool.name, tool })))('$name', ({ name, tool }) => {
  const schema = inputSchemaOf(tool);

  it('keeps its published surface', async () => {
    await expect(`${JSON.stringify(surfaceOf(tool), null, 2)}\n`).toMatchFileSnapshot(
      path.join(snapshots, `${name}.json`),
    );
  });

  it('has a name that fits behind the prefix of a plugin', () => {
    expect(name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    expect(name.length).toBeLessThanOrEqual(33);
  });

  it('has a description and a title that fit', () => {
    expect(tool.title.trim()).not.toBe('');
    expect(tool.description.trim()).not.toBe('');
    expect(Buffer.byteLength(tool.description)).toBeLessThanOrEqual(2048);
  });

  it('says all four hints', () => {
    expect(Object.keys(tool.hints).toSorted()).toEqual([
      'destructive',
      'idempotent',
      'openWorld',
      'readOnly',
    ]);
    expect(Object.values(tool.hints).every((hint) => typeof hint === 'boolean')).toBe(true);
    expect(tool.hints.readOnly && tool.hints.destructive).toBe(false);
  });

  it('P2: takes a strict object without a union at its root', () => {
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(Object.keys(schema)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(oneOf|anyOf|allOf)$/)]),
    );
  });

  it('describes every field, and none is nullable', () => {
    const fields = [...fieldsOf(schema, name)];
    expect(fields.filter(([, { description }]) => !description).map(([at]) => at)).toEqual([]);
    expect(fields.filter(([, field]) => isNullable(field)).map(([at]) => at)).toEqual([]);
  });
});

it('has no snapshot of a tool that is gone', () => {
  const expected = tools.map(({ name }) => `${name}.json`).toSorted();
  expect(readdirSync(snapshots).toSorted()).toEqual(expected);
});

it('T3, X37: no text invites to end what the user did not ask to end', () => {
  const ending = tools.filter(({ name }) => /^(shutdown_session|sandbox_stop)$/.test(name));
  expect(ending.map(({ description }) => description)).toEqual([
    expect.stringMatching(/only when the user asks/),
    expect.stringMatching(/only when the user asks/),
  ]);
  const others = tools.filter((tool) => !ending.includes(tool));
  for (const { name, description } of others)
    expect(description, name).not.toMatch(/shutdown_session|clean up|when (you are )?done/i);
});

it('costs at most 12,000 tokens for everything and 4,000 for what is always loaded', () => {
  expect(tokensOf(tools)).toBeLessThanOrEqual(12_000);
  expect(tokensOf(tools.filter(({ alwaysLoad }) => alwaysLoad))).toBeLessThanOrEqual(4000);
});
