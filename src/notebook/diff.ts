/** The difference between two sources, short enough for an answer. */

const MAX_LINES = 40;

/** Changed lines with `-` and `+` and one line around them; empty when nothing changed. */
export async function renderDiff(before: string, after: string): Promise<string> {
  if (before === after) return '';
  // Loaded on use: it is needed by one tool and start-up is a feature.
  const { structuredPatch } = await import('diff');
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: 1 });
  // Cells end without a line end; that is worth a line only where it is what changed.
  const isUsual = !before.endsWith('\n') && !after.endsWith('\n');
  const lines = hunks.flatMap(({ oldStart, lines: changed }) => [
    `@@ line ${oldStart}`,
    ...changed.filter((line) => !isUsual || !line.startsWith('\\')),
  ]);
  if (lines.length <= MAX_LINES) return lines.join('\n');
  return [
    ...lines.slice(0, MAX_LINES),
    `... ${lines.length - MAX_LINES} more lines of the difference`,
  ].join('\n');
}
