/** The notebook as it stands in memory: cells are read, edited, and every edit is noted until a save has brought it to the file. */
import { GloveboxError } from '#core/errors.ts';
import { newCellId } from '#core/ids.ts';
import { isValidId, temporaryName } from './cell-ids.ts';
import type {
  CellOutput,
  CellRef,
  CellView,
  KernelSpecMetadata,
  OpenNotebook,
  Position,
} from './contract.ts';
import {
  inserted,
  insertionIndex,
  locate,
  locateAll,
  moved,
  moveTarget,
  replaced,
  without,
} from './edits.ts';
import { hasIds, withKernel, type NotebookDocument } from './format.ts';
import { Pending } from './pending.ts';
import { StoredCell } from './stored-cell.ts';

type NewCell = Parameters<OpenNotebook['insertCell']>[0];

export class WorkingCopy {
  #document: NotebookDocument;
  #pending = new Pending();
  #changes = 0;

  constructor(document: NotebookDocument) {
    this.#document = document;
  }

  get document(): NotebookDocument {
    return this.#document;
  }

  /** Edits that no save has taken yet. */
  get pending(): Pending {
    return this.#pending;
  }

  /** Grows with every edit, so that a save can tell what it has missed. */
  get changes(): number {
    return this.#changes;
  }

  get kernelName(): string | undefined {
    const name = this.#document.kernelspec?.['name'];
    return typeof name === 'string' ? name : undefined;
  }

  /** What a merge made of this copy and of the file. */
  replace(document: NotebookDocument, pending: Pending): void {
    this.#document = document;
    this.#pending = pending;
  }

  /** There is something to save although nobody edited here. */
  touch(): void {
    this.#changes += 1;
  }

  /** Gives the noted edits to a save; `giveBack` takes them again where it fails. */
  takePending(): Pending {
    const pending = this.#pending;
    this.#pending = new Pending();
    return pending;
  }

  /** Notes the edits of a save that failed together with those made meanwhile. */
  giveBack(pending: Pending): void {
    pending.absorb(this.#pending);
    this.#pending = pending;
  }

  cells(): readonly CellView[] {
    return this.#document.cells.map((cell, index) => cell.view(index));
  }

  cell(ref: CellRef): CellView {
    return this.#viewAt(locate(this.#document.cells, ref));
  }

  insertCell({ type, source, metadata = {}, id }: NewCell, position: Position): CellView {
    const { cells, format } = this.#document;
    const index = insertionIndex(cells, position);
    const isTaken = (name: string): boolean => cells.some((cell) => cell.id === name);
    if (id !== undefined && isTaken(id)) {
      throw new GloveboxError('input/invalid', `The notebook has a cell "${id}" already.`, {
        hint: 'edit_cell changes it.',
      });
    }
    const name = id !== undefined && isValidId(id) ? id : this.#newName(type, source, isTaken);
    const cell = { id: name, type, source, metadata };
    const made = StoredCell.make(cell, format, hasIds(this.#document) ? name : undefined);
    this.#setCells(inserted(cells, index, made));
    this.#pending.inserted.add(name);
    return this.#viewAt(index);
  }

  setSource(ref: CellRef, source: string): CellView {
    const { cells } = this.#document;
    const index = locate(cells, ref);
    const cell = this.#cellAt(index);
    if (cell.source === source) return this.#viewAt(index);
    const cleared = cell.type === 'code' && { outputs: [], executionCount: null };
    this.#setCells(replaced(cells, index, cell.with({ source, ...cleared })));
    this.#pending.setSource(cell.id, cell.source);
    return this.#viewAt(index);
  }

  deleteCells(refs: readonly CellRef[]): readonly CellView[] {
    const { cells } = this.#document;
    const indexes = locateAll(cells, refs);
    if (indexes.length === 0) return [];
    const views = indexes.map((index) => this.#viewAt(index));
    this.#setCells(without(cells, indexes));
    for (const { id, source } of views) this.#pending.delete(id, source);
    return views;
  }

  moveCell(ref: CellRef, position: Position): ReturnType<OpenNotebook['moveCell']> {
    const { cells } = this.#document;
    const from = locate(cells, ref);
    const to = moveTarget(cells, from, position);
    if (from !== to) {
      this.#setCells(moved(cells, from, to));
      this.#pending.moved.add(this.#cellAt(to).id);
    }
    return { from, to, cell: this.#viewAt(to) };
  }

  setOutputs(
    cellId: string,
    outputs: readonly CellOutput[],
    executionCount: number | null,
  ): boolean {
    const { cells } = this.#document;
    const index = cells.findIndex(({ id }) => id === cellId);
    const cell = cells[index];
    if (cell?.type !== 'code') return false;
    if (cell.executionCount === executionCount && cell.isKnownToHold(outputs)) return true;
    // A copy: the caller's list may grow, and the cell must not change without anybody knowing.
    const changes = { outputs: [...outputs], executionCount };
    this.#setCells(replaced(cells, index, cell.with(changes)));
    this.#pending.outputs.add(cellId);
    return true;
  }

  setKernel(
    spec: KernelSpecMetadata,
    languageInfo: Readonly<Record<string, unknown>> | undefined,
    options: { readonly replace?: boolean } = {},
  ): void {
    const change = { spec, languageInfo, replace: options.replace ?? false };
    const document = withKernel(this.#document, change);
    if (document === this.#document) return;
    this.#document = document;
    this.#changes += 1;
    this.#pending.kernel = change;
  }

  #newName(type: StoredCell['type'], source: string, isTaken: (name: string) => boolean): string {
    if (!hasIds(this.#document)) return temporaryName({ type, source }, isTaken);
    let name = newCellId();
    while (isTaken(name)) name = newCellId();
    return name;
  }

  #cellAt(index: number): StoredCell {
    const cell = this.#document.cells[index];
    if (cell === undefined) throw new GloveboxError('internal', `There is no cell ${index}.`);
    return cell;
  }

  #viewAt(index: number): CellView {
    return this.#cellAt(index).view(index);
  }

  #setCells(cells: readonly StoredCell[]): void {
    this.#document = { ...this.#document, cells };
    this.#changes += 1;
  }
}
