import { expect, it } from 'vitest';
import { stem, wordsOf } from './words.ts';

it('takes names of code apart', () => {
  expect(wordsOf('createRepo repo_type /api/models-v2 grpoTrainer.py')).toEqual(
    'create Repo repo type api models v2 grpo Trainer py'.split(' '),
  );
  expect(wordsOf(' ')).toEqual([]);
});

it.each([
  ['repositories', 'repository'],
  ['training', 'trained'],
  ['creating', 'create'],
  ['models', 'model'],
  ['batches', 'batch'],
  ['Datasets', 'dataset'],
])('%s and %s are one word', (one, other) => expect(stem(one)).toBe(stem(other)));

it.each([
  ['loss', 'los'],
  ['gpu', 'gpus'],
  ['basis', 'bas'],
])('keeps short words and those that end so by nature: %s', (word) =>
  expect(stem(word)).toBe(word),
);
