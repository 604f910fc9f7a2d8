/** Tells the parameters of a tool where its arguments were wrong twice in a row. */
import { isGloveboxError } from '#core/errors.ts';
import { renderParameterTable } from '#tools/parameter-table.ts';
import type { ToolFacts } from '#tools/listed-tool.ts';

const ENOUGH = 2;

export interface ParameterHelp {
  /** Told of every call that ended. @returns the table to add to the answer, from the second wrong call on */
  ended(
    tool: Pick<ToolFacts, 'name' | 'inputSchema'>,
    input: unknown,
    error?: unknown,
  ): string | undefined;
}

export function createParameterHelp(): ParameterHelp {
  const wrong = new Map<string, number>();
  return {
    ended(tool, input, error) {
      if (!isGloveboxError(error, 'input/invalid')) {
        wrong.delete(tool.name);
        return undefined;
      }
      const times = (wrong.get(tool.name) ?? 0) + 1;
      wrong.set(tool.name, times);
      return times < ENOUGH ? undefined : renderParameterTable(tool, input);
    },
  };
}
