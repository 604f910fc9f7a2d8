/** Sentences that several tools' answers are made of. */
import { renderDuration } from '#core/units.ts';
import type { CellView } from '#notebook/contract.ts';
import type { SessionView } from '#session/contract.ts';
import type { Session } from '#session/session.ts';

/** The first line of a source, at most 80 characters. */
export function firstLine(source: string): string {
  const line = source.split('\n', 1)[0] ?? '';
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

/** `3 (id ab12cd34)` */
export function cellName(cell: {
  readonly id: string;
  readonly index: number | undefined;
}): string {
  return cell.index === undefined ? `(id ${cell.id})` : `${cell.index} (id ${cell.id})`;
}

/** One line per cell: index, id, type, count, the exception it ended with, first line. */
export function outline(cells: readonly CellView[]): string {
  if (cells.length === 0) return '(no cells yet)';
  return cells
    .map((cell) => {
      const count =
        cell.type === 'code' ? `[${cell.executionCount ?? ' '}]${failure(cell)}` : cell.type;
      return `${cell.index}  ${cell.id}  ${count}  ${firstLine(cell.source)}`;
    })
    .join('\n');
}

/** So that whoever comes back to a notebook sees where it broke. */
function failure({ outputs }: CellView): string {
  const error = outputs.findLast(({ output_type: type }) => type === 'error');
  return error?.output_type === 'error' ? ` ${firstLine(error.ename)}` : '';
}

/** What a start or an attachment answers. */
export function sessionSummary(session: Session, headline: string): string {
  const view = session.view();
  return [
    headline,
    `session_id: ${view.id}`,
    `notebook_path: ${view.notebookPath}`,
    `kernel: ${view.kernelName} (${view.state}${view.ownsKernel ? '' : ', started by somebody else: it will not be deleted'})`,
    `sandbox_id: ${view.sandboxId}`,
    ...(view.copyPath === undefined
      ? []
      : [
          `copy in the sandbox: ${view.copyPath} (its server does not see the project; what is edited there is taken over)`,
        ]),
    ...(view.browserUrl === undefined
      ? []
      : [`browser: ${view.browserUrl} (glovebox open ${view.id} signs a person in)`]),
    ...noticeLines(session.takeNotices()),
  ].join('\n');
}

export const noticeLines = (notices: readonly string[]): readonly string[] =>
  notices.map((notice) => `Note: ${notice}`);

/** One line per session for lists. */
export function sessionLine(view: SessionView): string {
  const runs = view.runs
    .map((run) => `${run.id} ${run.state} ${renderDuration(run.elapsedMs)}`)
    .join('; ');
  return [
    `${view.id}  ${view.state}  ${view.notebookPath}`,
    `   kernel ${view.kernelName}, sandbox ${view.sandboxId}${view.ownsKernel ? '' : ', borrowed kernel'}`,
    ...(runs === '' ? [] : [`   runs: ${runs}`]),
    ...(view.detail === undefined ? [] : [`   ${view.detail}`]),
  ].join('\n');
}
