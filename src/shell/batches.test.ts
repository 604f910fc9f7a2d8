/** Requests of a transfer: nothing missing, nothing twice, none too large. */
import { expect, it } from 'vitest';
import { batchesOf } from './batches.ts';

const MIB = 1024 * 1024;

it('covers every byte of every file once, in order and in bounded requests', () => {
  const sizes = [0, 1, 5 * MIB + 3, ...Array.from({ length: 1200 }, (_, index) => index % 7), 0];
  const files = sizes.map((size, index) => ({ index, size }));
  const batches = [...batchesOf(files)];
  const seen = new Map<number, number>();
  for (const batch of batches) {
    expect(batch.length).toBeLessThanOrEqual(500);
    expect(batch.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(2 * MIB);
    for (const { index, offset, length } of batch) {
      expect(offset).toBe(seen.get(index) ?? 0);
      seen.set(index, offset + length);
    }
  }
  expect([...seen.entries()]).toEqual(files.map(({ index, size }) => [index, size]));
});

it('asks for nothing when there is nothing', () => {
  expect([...batchesOf([])]).toEqual([]);
});
