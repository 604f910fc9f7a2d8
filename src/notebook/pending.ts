/** What was changed in memory and is not on disk: by cell id, without the values, which are in the document. */
import type { KernelChange } from './format.ts';

export class Pending {
  readonly inserted = new Set<string>();
  readonly moved = new Set<string>();
  /** Deleted cells, with the source they had. */
  readonly deleted = new Map<string, string>();
  /** Cells with a new source, with the one that the file has. */
  readonly sources = new Map<string, string>();
  /** Cells with new outputs. */
  readonly outputs = new Set<string>();
  kernel: KernelChange | undefined;
  sandbox: Readonly<Record<string, unknown>> | undefined;

  get isEmpty(): boolean {
    const { inserted, moved, deleted, sources, outputs, kernel, sandbox } = this;
    const count = inserted.size + moved.size + deleted.size + sources.size + outputs.size;
    return count === 0 && kernel === undefined && sandbox === undefined;
  }

  /** Whether something about that cell was changed. */
  touches(id: string): boolean {
    const { inserted, moved, deleted, sources, outputs } = this;
    return [inserted, moved, deleted, sources, outputs].some((changed) => changed.has(id));
  }

  /** @param before the source it had until now */
  setSource(id: string, before: string): void {
    if (!this.inserted.has(id) && !this.sources.has(id)) this.sources.set(id, before);
  }

  delete(id: string, source: string): void {
    const original = this.sources.get(id) ?? source;
    this.forget(id);
    if (!this.inserted.delete(id)) this.deleted.set(id, original);
  }

  /** Drops what is known of a cell, but for its insertion. */
  forget(id: string): void {
    this.moved.delete(id);
    this.sources.delete(id);
    this.outputs.delete(id);
  }

  /** Adds what was changed after this. */
  absorb(later: Pending): void {
    for (const id of later.inserted) this.inserted.add(id);
    for (const id of later.moved) this.moved.add(id);
    for (const id of later.outputs) this.outputs.add(id);
    for (const [id, before] of later.sources) this.setSource(id, before);
    for (const [id, source] of later.deleted) this.delete(id, source);
    this.kernel = mergeKernel(this.kernel, later.kernel);
    this.sandbox = later.sandbox ?? this.sandbox;
  }
}

function mergeKernel(
  earlier: KernelChange | undefined,
  later: KernelChange | undefined,
): KernelChange | undefined {
  if (earlier === undefined || later === undefined) return later ?? earlier;
  return { ...later, replace: earlier.replace || later.replace };
}
