/** Several sandboxes at once, for the tool and the command line: what they are called, and how they are shown. */
import { GloveboxError } from '#core/errors.ts';
import { MAX_SEVERAL, namesOfSeveral } from '#sandbox/names-of-several.ts';
import { projectName } from '#sandbox/sandbox-ids.ts';
import type { SandboxRequest } from '#sandbox/sandboxes.ts';
import type { Outcome } from '#sandbox/several.ts';

export type { Outcome } from '#sandbox/several.ts';

/** Each with a name of its own: that of the request, or of the project, and a number. @throws `config/invalid` for a name that is too long. */
export const severalRequests = <R extends SandboxRequest>(
  request: R,
  count: number,
): readonly (R & { readonly name: string })[] =>
  namesOfSeveral(request.name ?? projectName(request.projectDir), count).map((name) => ({
    ...request,
    name,
  }));

/** @throws `input/invalid` */
export function checkCount(count: number, written: string): void {
  if (Number.isInteger(count) && count >= 1 && count <= MAX_SEVERAL) return;
  throw new GloveboxError(
    'input/invalid',
    `The count is a whole number from 1 to ${MAX_SEVERAL}, not "${written}".`,
  );
}

/** Several that were asked for at once: a line each, with what became of it. */
export function severalLines(outcomes: readonly Outcome[]): readonly string[] {
  const width = Math.max(...outcomes.map((each) => nameOf(each).length));
  return outcomes.map((each) => {
    const name = nameOf(each).padEnd(width);
    if (!('failure' in each)) {
      const { id, status, ignoredOptions } = each.view;
      const detail = status.detail === undefined ? '' : ` (${status.detail})`;
      const ignored = ignoredOptions === undefined ? '' : `; ignored: ${ignoredOptions.join(', ')}`;
      return `${name}  ${id}  ${status.state}${detail}${ignored}`;
    }
    const { code, message, hint } = each.failure;
    return `${name}  failed  ${code}: ${message}${hint === undefined ? '' : ` ${hint}`}`;
  });
}

const nameOf = (outcome: Outcome): string =>
  'failure' in outcome ? outcome.name : outcome.view.name;
