/** Names of repositories, patterns for paths, headers of weights files. */
import { describe, expect, it } from 'vitest';
import { createMatcher } from './glob.ts';
import { checkRepoPath, parseRepo } from './repo-ref.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const HUB = 'https://huggingface.co';

describe('names a repository', () => {
  it.each([
    ['org/name', { type: 'model', id: 'org/name' }],
    [' gpt2 ', { type: 'model', id: 'gpt2' }],
    ['datasets/org/name', { type: 'dataset', id: 'org/name' }],
    ['https://huggingface.co/org/name', { type: 'model', id: 'org/name' }],
    ['https://huggingface.co/org/name/', { type: 'model', id: 'org/name' }],
    ['huggingface.co/spaces/org/name', { type: 'space', id: 'org/name' }],
    ['https://hf.co/datasets/squad', { type: 'dataset', id: 'squad' }],
    [
      'https://huggingface.co/datasets/org/name/blob/main/data/a%20b.csv?download=true#L3',
      { type: 'dataset', id: 'org/name', revision: 'main', path: 'data/a b.csv' },
    ],
    [
      'https://huggingface.co/org/name/tree/refs%2Fpr%2F1/sub',
      { type: 'model', id: 'org/name', revision: 'refs/pr/1', path: 'sub' },
    ],
    [
      'https://huggingface.co/org/name/resolve/refs/pr/12/config.json',
      { type: 'model', id: 'org/name', revision: 'refs/pr/12', path: 'config.json' },
    ],
    [
      'https://huggingface.co/gpt2/blob/main/x',
      { type: 'model', id: 'gpt2', revision: 'main', path: 'x' },
    ],
    [
      'hf://datasets/org/name@dev/a/b',
      { type: 'dataset', id: 'org/name', revision: 'dev', path: 'a/b' },
    ],
    ['hf://org/name', { type: 'model', id: 'org/name' }],
    ['hf://org/name/a/b', { type: 'model', id: 'org/name', path: 'a/b' }],
    ['hf://org/name@refs/pr/1', { type: 'model', id: 'org/name', revision: 'refs/pr/1' }],
    [
      'hf://datasets/org/name@refs%2Fconvert%2Fparquet/a/b',
      { type: 'dataset', id: 'org/name', revision: 'refs/convert/parquet', path: 'a/b' },
    ],
  ])('%s', (text, expected) => {
    expect(parseRepo(text, HUB, 'model')).toEqual(expected);
  });

  it('on a mirror too, and with the type that was meant', () => {
    expect(parseRepo('http://127.0.0.1:9/a/b', 'http://127.0.0.1:9', 'model').id).toBe('a/b');
    expect(parseRepo('a/b', HUB, 'space')).toEqual({ type: 'space', id: 'a/b' });
  });

  it.each([
    '',
    'a/b/c',
    '../a',
    'a/..',
    'a b/c',
    '.a/b',
    'a/b.',
    'https://evil.test/org/name',
    'https://huggingface.co@evil.test/org/name',
    'https://huggingface.co.evil.test/org/name',
    'https://huggingface.co/docs/hub',
    'https://huggingface.co/',
    'a/b%2f..',
  ])('refuses %j', (text) => {
    expect(() => parseRepo(text, HUB, 'model')).toThrow('names no repository');
  });
});

it.each([
  ['/a/b/', 'a/b'],
  ['./a', 'a'],
  ['', ''],
  ['/', ''],
])('a path %j is %j', (given, expected) => {
  expect(checkRepoPath(given)).toBe(expected);
});

it.each(['a/../b', 'a//b', 'a/./b', 'a\\b', 'a\0'])('refuses the path %j', (given) => {
  expect(() => checkRepoPath(given)).toThrow('is no path in a repository');
});

describe('patterns', () => {
  it.each([
    ['*.json', 'config.json', true],
    ['*.json', 'deep/config.json', true],
    ['*.json', 'config.jsonl', false],
    ['data/*.json', 'data/a.json', true],
    ['data/*.json', 'data/deep/a.json', false],
    ['data/**/*.json', 'data/a.json', true],
    ['data/**/*.json', 'data/x/y/a.json', true],
    ['**', 'any/thing', true],
    ['logs/', 'logs/a/b', true],
    ['logs/', 'logs', false],
    ['logs/', 'old/logs/a', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[ab].txt', 'b.txt', true],
    ['[!ab].txt', 'b.txt', false],
    ['[a-c]x', 'bx', true],
    ['*.{md,txt}', 'x.txt', true],
    ['*.{md,txt}', 'x.tx', false],
    ['{a,b}/{c,d}', 'b/c', true],
    ['./a.txt', 'a.txt', true],
    ['a.b', 'axb', false],
    ['(x)+', '(x)+', true],
    ['[', '[', true],
    ['*', '', true],
  ])('%s on %s: %s', (pattern, path, expected) => {
    expect(createMatcher(pattern)(path)).toBe(expected);
  });

  it('are quick on what makes others slow', () => {
    const isMatch = createMatcher(`**/*a/${'*a'.repeat(30)}b`);
    expect(isMatch(`x/${'a'.repeat(5000)}`)).toBe(false);
    expect(createMatcher('{a,b}'.repeat(30))('x')).toBe(false);
  });
});

describe('the header of a safetensors file', () => {
  const reader = (bytes: Buffer) => async (start: number, end: number) => ({
    bytes: bytes.subarray(start, end),
    totalBytes: bytes.length,
  });
  const file = (header: string, length = Buffer.byteLength(header)): Buffer => {
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(length));
    return Buffer.concat([size, Buffer.from(header)]);
  };

  it('tells tensors and parameters', async () => {
    const header = await readSafetensorsHeader(
      reader(file('{"w":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"odd":1}')),
    );
    expect(header).toMatchObject({ parameters: 6, byType: [['F16', 6]] });
    expect(header.tensors).toHaveLength(1);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no JSON', file('not json')],
    ['a list', file('[]')],
    ['an absurd length', file('{}', 2 ** 40)],
  ])('refuses %s', async (_what, bytes) => {
    await expect(readSafetensorsHeader(reader(bytes))).rejects.toThrow('no readable safetensors');
  });
});
