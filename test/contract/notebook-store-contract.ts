/** What every store of a notebook owes: the suite that runs against each of them. */
import { describe, expect, it } from 'vitest';
import { isGloveboxError } from '#core/errors.ts';
import type { CellView } from '#notebook/contract.ts';
import { chunksOf, newNotebook } from '#notebook/format.ts';
import type { LiveNotebook } from '#notebook/live-notebook.ts';
import { openStore } from '#notebook/open-store.ts';
import type { NotebookStore } from '#notebook/stores/store.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';

export interface StoreRig {
  /** A store of a notebook that does not exist yet, in a place of its own. */
  newStore(): Promise<NotebookStore>;
  /** Another store of the same notebook, as somebody else would have it. */
  again(store: NotebookStore): NotebookStore;
}

const STRANGE =
  '{"cells":[],\r\n\t"metadata" : {"ключ":"é😀\u2028"},"nbformat":4,"nbformat_minor":5}';

async function save(store: NotebookStore, text: string): Promise<string | undefined> {
  const expected = await store.version();
  return store.exclusively(() => store.write([Buffer.from(text)], expected));
}

const sources = (notebook: LiveNotebook): readonly string[] =>
  notebook.cells().map(({ source }) => source);

/** @param rig asked for inside of the tests */
export function describeStore(name: string, rig: () => StoreRig): void {
  const open = (store: NotebookStore): Promise<LiveNotebook> =>
    openStore(store, { clock: systemClock, log: silentLog });

  /** A notebook that two have open, each in a store of its own. */
  async function openTwice(cells: readonly string[]): Promise<{
    ours: LiveNotebook;
    theirs: LiveNotebook;
    store: NotebookStore;
    ids: readonly string[];
  }> {
    const store = await rig().newStore();
    await store.exclusively(() => store.write(chunksOf(newNotebook()), undefined));
    const ours = await open(store);
    const made = cells.map((source) => add(ours, source));
    await ours.flush();
    const theirs = await open(rig().again(store));
    return { ours, theirs, store, ids: made.map(({ id }) => id) };
  }

  const add = (notebook: LiveNotebook, source: string): CellView =>
    notebook.insertCell({ type: 'code', source }, { at: 'end' });

  const end = (...notebooks: readonly LiveNotebook[]): void => {
    for (const notebook of notebooks) notebook.stop();
  };

  describe(`a notebook in ${name}`, () => {
    it('is not there before it is written, and its name says where it is', async () => {
      const store = await rig().newStore();
      expect(await store.version()).toBeUndefined();
      expect(store.path).toMatch(/\.ipynb/);
      const error = await store.load().catch((caught: unknown) => caught);
      expect(isGloveboxError(error, 'path/not-found')).toBe(true);
    });

    it('is kept byte for byte', async () => {
      const store = await rig().newStore();
      const version = await save(store, STRANGE);
      const loaded = await rig().again(store).load();
      expect(loaded.bytes.toString()).toBe(STRANGE);
      expect(loaded.version).toBe(version);
      await store.sync();
      expect(await store.version()).toBe(version);
    });

    it('is written in pieces as well as whole', async () => {
      const store = await rig().newStore();
      const pieces = ['{"cells": [', '"ä', '😀"', ']}'].map((text) => Buffer.from(text));
      await store.exclusively(() => store.write(pieces, undefined));
      expect((await store.load()).bytes).toEqual(Buffer.concat(pieces));
    });

    it('D6: has another version when somebody else wrote it, and is not written over', async () => {
      const store = await rig().newStore();
      const ours = await save(store, 'ours');
      const theirs = await save(rig().again(store), 'their text');
      expect(theirs).not.toBe(ours);
      expect(await store.version()).toBe(theirs);
      expect(await store.exclusively(() => store.write([Buffer.from('x')], ours))).toBeUndefined();
      expect(await store.exclusively(() => store.write([Buffer.from('x')], undefined))).toBe(
        undefined,
      );
      expect((await store.load()).bytes.toString()).toBe('their text');
    });

    it('is not made again where somebody removed it, unless that is known', async () => {
      const store = await rig().newStore();
      const version = await save(store, 'ours');
      await rig().again(store).remove();
      expect(await store.version()).toBeUndefined();
      expect(await store.exclusively(() => store.write([Buffer.from('x')], version))).toBe(
        undefined,
      );
      expect(await save(store, 'again')).toBe(await store.version());
      await store.remove();
      await store.remove();
      expect(await store.version()).toBeUndefined();
    });

    it('has one writer of ours at a time', async () => {
      const store = await rig().newStore();
      const order: string[] = [];
      const work = (name_: string) => async (): Promise<void> => {
        order.push(`${name_} begins`);
        await store.version();
        order.push(`${name_} ends`);
      };
      await Promise.all([store.exclusively(work('a')), store.exclusively(work('b'))]);
      expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    });

    it('goes on after a writer that failed', async () => {
      const store = await rig().newStore();
      await expect(store.exclusively(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
      expect(await save(store, 'fine')).toBeDefined();
    });

    it('D6: changes of others are merged by cell id', async () => {
      const { ours, theirs, ids } = await openTwice(['a', 'b', 'c']);
      const [a = '', b = '', c = ''] = ids;
      theirs.setSource(a, 'a of theirs');
      theirs.deleteCells([b]);
      add(theirs, 'new of theirs');
      await theirs.flush();
      ours.setSource(c, 'c of ours');
      add(ours, 'new of ours');
      const { notices } = await ours.flush();
      expect(notices.join(' ')).toContain('changed on disk meanwhile');
      await theirs.refresh();
      for (const notebook of [ours, theirs]) {
        expect(sources(notebook).toSorted()).toEqual(
          ['a of theirs', 'c of ours', 'new of ours', 'new of theirs'].toSorted(),
        );
      }
      end(ours, theirs);
    });

    it('D6: of a cell that both changed the stored version stays, and the caller gets both', async () => {
      const { ours, theirs, ids } = await openTwice(['a']);
      const [a = ''] = ids;
      theirs.setSource(a, 'of theirs');
      await theirs.flush();
      ours.setSource(a, 'of ours');
      const error = await ours.flush().catch((caught: unknown) => caught);
      if (!isGloveboxError(error, 'notebook/conflict')) throw error;
      expect(error.message).toContain('of theirs');
      expect(error.message).toContain('of ours');
      expect(sources(ours)).toEqual(['of theirs']);
      end(ours, theirs);
    });

    it('X80: an older version that an editor writes over newer cells does not take them away', async () => {
      const { ours, theirs, store } = await openTwice(['a']);
      const older = await store.load();
      add(ours, 'newer');
      await ours.flush();
      await save(rig().again(store), older.bytes.toString().replace('"a"', '"a of the editor"'));
      await ours.refresh();
      const { notices } = await ours.flush();
      expect(notices.join(' ')).toContain('older version');
      await theirs.refresh();
      expect(sources(theirs)).toEqual(['a of the editor', 'newer']);
      end(ours, theirs);
    });

    it('D7: thirty edits at once leave thirty cells', async () => {
      const { ours, theirs } = await openTwice([]);
      const edit = async (notebook: LiveNotebook, n: number): Promise<void> => {
        add(notebook, `cell ${n}`);
        await notebook.flush();
      };
      await Promise.all(Array.from({ length: 30 }, (_, n) => edit(ours, n)));
      await theirs.refresh();
      expect(new Set(sources(theirs)).size).toBe(30);
      end(ours, theirs);
    });

    it('what is removed while it is open is made again whole', async () => {
      const { ours, theirs, store } = await openTwice(['a', 'b']);
      await rig().again(store).remove();
      add(ours, 'c');
      await ours.flush();
      const found = await open(rig().again(store));
      expect(sources(found)).toEqual(['a', 'b', 'c']);
      end(ours, theirs, found);
    });
  });
}
