/** What clients are told of a tool, apart from what it does: a server lists its tools without loading a single one. */
import type { Tool } from './define-tool.ts';
import { inputSchemaOf } from './input-schema.ts';

/** Data and nothing else: the build writes it down. */
export interface ToolFacts extends Pick<
  Tool,
  'name' | 'toolset' | 'title' | 'description' | 'hints' | 'alwaysLoad'
> {
  /** JSON Schema of the arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

export interface ListedTool extends ToolFacts {
  /** The tool itself, with all that it imports; asked for at each call. */
  load(): Promise<Tool>;
}

export const factsOf = (tool: Tool): ToolFacts => {
  const { name, toolset, title, description, hints, alwaysLoad } = tool;
  return {
    name,
    toolset,
    title,
    description,
    hints,
    alwaysLoad,
    inputSchema: inputSchemaOf(tool),
  };
};

/** One that is loaded already. */
export const listed = (tool: Tool): ListedTool => ({ ...factsOf(tool), load: async () => tool });
