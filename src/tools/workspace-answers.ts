/** Libraries that a notebook can import, as an agent is told of them. */
import type { InstalledLibrary } from '#workspace/install-libraries.ts';

const MAX_CHARS = 4096;

/** @param run the run of the session's beginning, when it goes on */
export function workspaceLines(
  libraries: readonly InstalledLibrary[],
  run: string | undefined,
): readonly string[] {
  const begun =
    run === undefined
      ? []
      : [`imports and init code: still running (run ${run}); cells wait for it`];
  if (libraries.length === 0) return begun;
  const names = libraries.map(({ name }) => name).join(', ');
  const room = Math.floor((MAX_CHARS - names.length - 100) / libraries.length);
  return [
    ...begun,
    `libraries to import: ${names}`,
    ...libraries
      .filter(({ docs }) => docs.trim() !== '')
      .map(({ name, docs }) => `--- ${name}\n${cut(docs.trim(), room)}`),
  ];
}

function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  const kept = text.slice(0, Math.max(0, room - 30));
  const atLine = kept.slice(0, Math.max(kept.lastIndexOf('\n'), 0)) || kept;
  return `${atLine}\n[cut; help() has the rest]`;
}
