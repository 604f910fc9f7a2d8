/** Collects the rows of an HTML table and shows them as text: shape, columns, first and last rows. */

const EDGE_ROWS = 5;
const MAX_CELL_CHARS = 40;
const MAX_COLUMNS = 20;
/** Of a row; a page may claim more than there is memory for. */
const MOST_COLUMNS = 10_000;
const GAP = '...';

export interface TableCell {
  readonly text: string;
  readonly isHeader: boolean;
  readonly columnSpan: number;
  readonly rowSpan: number;
}

export interface TableText {
  addRow(cells: readonly TableCell[], inHead: boolean): void;
  /** @returns an empty string when there was no row */
  render(shape: TableShape): string;
}
/** What to say of the number of rows: nothing when the page says it, and a lower limit when some were not read. */
export type TableShape = 'none' | 'exact' | 'at least';

/** Keeps the first and the last rows only, however long the table is. */
export function createTableText(): TableText {
  const header: string[][] = [];
  const first: string[][] = [];
  const last: string[][] = [];
  /** How many rows below a cell still covers its column. */
  let covered: number[] = [];
  let count = 0;
  let columns = 0;
  let indexColumns = 0;

  return {
    addRow(cells, inHead) {
      const row: string[] = [];
      const next: number[] = [];
      const skipCovered = (): void => {
        for (let left = covered[row.length] ?? 0; left > 0; left = covered[row.length] ?? 0) {
          next[row.length] = left - 1;
          row.push('');
        }
      };
      for (const cell of cells) {
        skipCovered();
        for (let i = 0; i < cell.columnSpan && row.length < MOST_COLUMNS; i += 1) {
          if (cell.rowSpan > 1) next[row.length] = cell.rowSpan - 1;
          row.push(i === 0 ? clip(cell.text) : '');
        }
      }
      skipCovered();
      covered = next;
      if (row.length === 0) return;
      columns = Math.max(columns, row.length);
      const looksSo = inHead || (count === 0 && cells.every((cell) => cell.isHeader));
      const isHeader = looksSo && header.length < EDGE_ROWS;
      if (isHeader) {
        header.push(row);
        return;
      }
      if (count === 0) indexColumns = cells.filter((cell) => cell.isHeader).length;
      count += 1;
      if (first.length < EDGE_ROWS) first.push(row);
      else {
        last.push(row);
        if (last.length > EDGE_ROWS) last.shift();
      }
    },
    render(wanted) {
      if (columns === 0) return '';
      const cut = count > first.length + last.length;
      const gap = Array.from({ length: columns }, () => GAP);
      const rows = [...header, ...first, ...(cut ? [gap] : []), ...last];
      const shape = `${wanted === 'at least' ? 'at least ' : ''}${count} rows x ${columns - indexColumns} columns`;
      return [...(wanted === 'none' ? [] : [shape]), ...align(rows, columns)].join('\n');
    },
  };
}

function clip(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (line.length <= MAX_CELL_CHARS) return line;
  return `${line.slice(0, MAX_CELL_CHARS - GAP.length)}${GAP}`.toWellFormed();
}

/** Numbers to the right, words to the left, as a data frame prints. */
function align(rows: readonly (readonly string[])[], columns: number): string[] {
  const half = MAX_COLUMNS / 2;
  const shown = Array.from({ length: columns }, (_, column) => column).filter(
    (column) => columns <= MAX_COLUMNS || column < half || column >= columns - half,
  );
  const widths = shown.map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const isNumeric = shown.map((column) => {
    const values = rows
      .map((row) => row[column] ?? '')
      .filter((cell) => cell !== '' && cell !== GAP);
    const numbers = values.filter((cell) => /^[-+\d.,%e]+$|^nan$|^inf$/i.test(cell)).length;
    return numbers * 2 > values.length;
  });
  return rows.map((row) => {
    const cells = shown.map((column, i) => {
      const cell = row[column] ?? '';
      const width = widths[i] ?? 0;
      return isNumeric[i] === true ? cell.padStart(width) : cell.padEnd(width);
    });
    if (columns > MAX_COLUMNS) cells.splice(half, 0, GAP);
    return cells.join('  ').trimEnd();
  });
}
