/** Holds what types promise against the rows that were seen. */
import { KNOWN_ROLES, messagesIn } from './chat-messages.ts';
import { isMessages, mapped, no, type Columns, type Fit } from './columns.ts';

/** A verdict of `ready` stays one only when the sampled rows keep it; where none were seen, it says so. */
export function confirmed(fit: Fit, data: Columns): Fit {
  if (fit.fit !== 'ready') return fit;
  const used = fit.uses ?? [];
  const cells = used.map((name) => ({
    name,
    cells: data.rows.filter((row) => name in row).map((row) => row[name]),
  }));
  const empty = cells.filter((column) => column.cells.length > 0 && column.cells.every(isEmpty));
  if (empty.length > 0) {
    const names = empty.map(({ name }) => name).join(' and ');
    return no(`By its types it would fit, but ${names} is empty in all sampled rows.`);
  }
  const unseen = cells.filter((column) => column.cells.length === 0).map(({ name }) => name);
  if (unseen.length > 0)
    return {
      ...fit,
      reason: `${fit.reason} By its type alone: no row shows ${unseen.join(', ')}.`,
    };
  const strange = strangeRoles(used, data);
  if (strange.length === 0) return fit;
  return mapped(
    `${fit.reason} But its roles are not those of chat templates: ${strange.slice(0, 5).join(', ')}.`,
    'rename the roles to system, user, assistant and tool',
  );
}

function strangeRoles(used: readonly string[], { types, rows }: Columns): readonly string[] {
  const roles = used
    .filter((name) => isMessages(types.get(name)))
    .flatMap((name) => rows.flatMap((row) => messagesIn(row[name]) ?? []))
    .map(({ role }) => (typeof role === 'string' && role !== '' ? role : 'none at all'));
  return [...new Set(roles)].filter((role) => !KNOWN_ROLES.has(role));
}

export function isEmpty(cell: unknown): boolean {
  if (cell === null || cell === undefined) return true;
  if (typeof cell === 'string') return cell.trim() === '';
  return messagesIn(cell)?.length === 0;
}
