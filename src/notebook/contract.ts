/** The words of a notebook: cells, outputs, positions, and what an open notebook promises to the code above it. */

/** One output as nbformat 4 stores it. Only the fields that are used are named; all others survive. */
export type CellOutput = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

export interface StreamOutput {
  readonly output_type: 'stream';
  readonly name: 'stdout' | 'stderr';
  readonly text: string;
}
/** Values are strings, or JSON for `application/*+json` and `application/json`. Multi-line strings are joined. */
export type MimeBundle = Readonly<Record<string, unknown>>;
export interface DisplayOutput {
  readonly output_type: 'display_data';
  readonly data: MimeBundle;
  readonly metadata: Readonly<Record<string, unknown>>;
}
export interface ResultOutput {
  readonly output_type: 'execute_result';
  readonly data: MimeBundle;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly execution_count: number | null;
}
export interface ErrorOutput {
  readonly output_type: 'error';
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** The mime type of a widget, which lives in the browser: ipywidgets, "Widget view". */
export const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';
/** In the metadata of an output whose text says what the widget showed last. */
export const FOLLOWED_WIDGET = { glovebox: { widget: 'followed' } } as const;

export type CellType = 'code' | 'markdown' | 'raw';

/** One cell as a reader sees it. */
export interface CellView {
  /** nbformat id, or a temporary `t-...` in files before 4.5. */
  readonly id: string;
  readonly index: number;
  readonly type: CellType;
  readonly source: string;
  /** Empty for markdown and raw. */
  readonly outputs: readonly CellOutput[];
  readonly executionCount: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A cell named by its id, or by its index counted from 0, or from the end with -1. */
export type CellRef = string | number;

/** Where a new cell goes. The default everywhere is the end. */
export type Position =
  | { readonly at: 'end' }
  | { readonly at: 'index'; readonly index: number }
  | { readonly at: 'after' | 'before'; readonly cell: CellRef };

/** What a save found out; every sentence is for the reader of the answer. */
export interface SaveReport {
  /** E.g. "2 cells were changed on disk meanwhile and kept". Empty when nothing happened. */
  readonly notices: readonly string[];
  /** Everything up to the call is on disk. False only from `settle()`, when a big notebook is written later. */
  readonly saved: boolean;
}

export interface KernelSpecMetadata {
  readonly name: string;
  readonly display_name: string;
  readonly language: string;
}

/**
 * One notebook file, open. Edits apply to memory at once and in order; saving is merged, atomic and off the hot path:
 * an edit is on disk at the latest when `flush()` resolves. Someone else's changes on disk are merged by cell id, never
 * overwritten (D6). One instance per real path and process.
 *
 * Failures: `cell/unknown` (names the count of cells), `cell/wrong-type`, `cell/no-match`, `notebook/conflict`,
 * `notebook/save-failed`; a refused edit changes nothing.
 */
export interface OpenNotebook {
  /** The real path of the file. */
  readonly path: string;
  readonly cellCount: number;
  readonly formatMinor: number;
  /** `metadata.kernelspec.name`, when the file has one. */
  readonly kernelName: string | undefined;
  /** Reads the file again when it changed on disk, merging. Cheap when it did not (one stat). */
  refresh(): Promise<void>;
  cells(): readonly CellView[];
  /** One object per cell, in order, the same one as long as nothing about that cell changes. For telling cheaply what did. */
  readonly versions: readonly object[];
  cell(ref: CellRef): CellView;
  /** `id` puts a cell back that was lost; a new one is minted without it. @returns the new cell */
  insertCell(
    cell: {
      readonly type: CellType;
      readonly source: string;
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly id?: string;
    },
    position: Position,
  ): CellView;
  /** Clears outputs and count when the source of a code cell changes. */
  setSource(ref: CellRef, source: string): CellView;
  /** All or none. @returns the deleted cells as they were */
  deleteCells(refs: readonly CellRef[]): readonly CellView[];
  moveCell(
    ref: CellRef,
    position: Position,
  ): { readonly from: number; readonly to: number; readonly cell: CellView };
  /** Silently does nothing when the cell has vanished or is no code cell any more, and then returns false (D2). */
  setOutputs(
    cellId: string,
    outputs: readonly CellOutput[],
    executionCount: number | null,
  ): boolean;
  /** Sets kernelspec and language_info; an existing kernelspec stays unless `replace`. */
  setKernel(
    spec: KernelSpecMetadata,
    languageInfo: Readonly<Record<string, unknown>> | undefined,
    options?: { readonly replace?: boolean },
  ): void;
  /** Says in the metadata where its kernel runs (L3): JSON without secrets, in `metadata.glovebox.sandbox`. */
  setSandbox(sandbox: Readonly<Record<string, unknown>>): void;
  /** Resolves when everything up to now is on disk. @throws `notebook/save-failed`; the changes stay in memory and are tried again. */
  flush(): Promise<SaveReport>;
  /**
   * Asks for a save without waiting for it. Saves are coalesced; how soon depends on what the last one cost: a small
   * notebook is written within milliseconds, a big one at most every 2 s.
   */
  scheduleSave(): void;
  /** Resolves when the small-notebook save that is due now is done, and at once for a big one. For the end of a run. */
  settle(): Promise<SaveReport>;
  /** Flushes and forgets. */
  close(): Promise<void>;
}

/** One block of a rendering, in the order a reader should see them. */
export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly data: string; readonly mimeType: string };
