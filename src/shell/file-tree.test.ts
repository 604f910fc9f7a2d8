import { describe, expect, it } from 'vitest';
import { batchesOf, placeBelow } from './file-tree.ts';

const MIB = 1024 * 1024;
const file = (path: string, size: number) => ({ path, size, folder: false, executable: false });

describe('pieces', () => {
  it('cover every byte once, in order, in messages of a bounded size', () => {
    const entries = [file('a', 5 * MIB + 3), file('b', 0), file('c', 10), file('d', MIB)];
    const batches = [...batchesOf([...entries, { ...file('folder', 0), folder: true }])];
    for (const batch of batches) {
      const bytes = batch.reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThanOrEqual(2 * MIB);
    }
    for (const [number, { path, size }] of entries.entries()) {
      const pieces = batches.flat().filter((piece) => piece.path === path);
      expect(pieces.map(({ offset }) => offset)).toEqual(pieces.map((_, at) => at * MIB));
      expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(size);
      expect(pieces.map(({ isLast }) => isLast)).toEqual(
        pieces.map((_, at) => at === pieces.length - 1),
      );
      expect(pieces.every((piece) => piece.number === number)).toBe(true);
    }
    expect(batches.flat().map(({ path }) => path)).not.toContain('folder');
  });

  it('of many small files share messages', () => {
    const batches = [...batchesOf(Array.from({ length: 450 }, (_, at) => file(`${at}`, 1)))];
    expect(batches.map(({ length }) => length)).toEqual([200, 200, 50]);
  });
});

describe('a name that a sandbox gives', () => {
  it('stays below the folder', () => {
    expect(placeBelow('/home/me/back', 'a/b.txt')).toBe('/home/me/back/a/b.txt');
    expect(placeBelow('/home/me/back.txt', '')).toBe('/home/me/back.txt');
  });

  it.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', './a', 'a\\..\\b', 'a\0b'])(
    '%j is refused',
    (name) => {
      expect(() => placeBelow('/home/me/back', name)).toThrow('would lie outside');
    },
  );
});
