/** What clients are told of all tools. In the bundle this file is what it computes: `tsdown.config.ts` evaluates it at build time. */
import { tools } from '#tools/index.ts';
import { factsOf, type ToolFacts } from '#tools/listed-tool.ts';

export const TOOL_FACTS: readonly ToolFacts[] = tools.map(factsOf);
