/** What an answer says about a file that was written: its syntax, and the difference. */
import type { StoredFile } from '#shell/file-answers.ts';

const MAX_DIFF_LINES = 60;
const MAX_LINE_CHARS = 300;

/** For Python files: whether they can be compiled; nothing of them was run. */
export function syntaxLine({ syntax }: StoredFile): readonly string[] {
  if (syntax === undefined) return [];
  if (syntax === null) return ['Python syntax: fine.'];
  const where = syntax.line === null ? '' : ` in line ${syntax.line}`;
  return [`Python syntax: WRONG${where}: ${syntax.message}. The file was written all the same.`];
}

/** A unified difference of at most 60 lines. */
export async function unifiedDiff(before: string, after: string): Promise<string> {
  // Loaded on use: start-up is a feature.
  const { structuredPatch } = await import('diff');
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: 2 });
  const lines = hunks.flatMap((hunk) => [
    `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`,
    ...hunk.lines,
  ]);
  const shown = lines.map((line) =>
    line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}...` : line,
  );
  if (shown.length <= MAX_DIFF_LINES) return shown.join('\n');
  const rest = shown.length - (MAX_DIFF_LINES - 1);
  return [
    ...shown.slice(0, MAX_DIFF_LINES - 1),
    `[${rest} more lines of the difference are not shown]`,
  ].join('\n');
}
