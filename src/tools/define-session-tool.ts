/** A tool that works on a session: the session is found, or attached again, or the call explains why not. */
import * as z from 'zod';
import type { Session } from '#session/session.ts';
import {
  defineTool,
  type Tool,
  type ToolContext,
  type ToolHints,
  type ToolResult,
  type Toolset,
} from './define-tool.ts';
import { noticeLines } from './answers.ts';
import { sessionId } from './parameters.ts';
import { timeLeft } from './time-left.ts';

interface SessionToolSpec<Shape extends z.ZodRawShape> {
  readonly name: string;
  readonly toolset: Toolset;
  readonly title: string;
  readonly description: string;
  /** Parameters besides `session_id`. */
  readonly input: Shape;
  readonly hints: ToolHints;
  readonly alwaysLoad?: boolean;
  run(
    input: z.output<z.ZodObject<Shape>>,
    context: ToolContext & { readonly session: Session },
  ): Promise<ToolResult>;
}

/** Made once: a schema costs more than the parsing with it. */
const anySessionCall = z.looseObject({ session_id: z.string() });

export function defineSessionTool<Shape extends z.ZodRawShape>(spec: SessionToolSpec<Shape>): Tool {
  const own = z.strictObject(spec.input);
  return defineTool({
    ...spec,
    input: z.strictObject({ session_id: sessionId, ...spec.input }),
    async run(raw, context) {
      const { session_id: id, ...rest } = anySessionCall.parse(raw);
      const session = await context.sessions.get(id, context.signal);
      const result = await spec.run(own.parse(rest), { ...context, session });
      const left = await timeLeft(session.record.sandboxId, context);
      return withNotices(result, [...left, ...session.takeNotices()]);
    },
  });
}

/** What happened meanwhile comes before the answer. */
export function withNotices(result: ToolResult, notices: readonly string[]): ToolResult {
  if (notices.length === 0) return result;
  return {
    ...result,
    blocks: [{ type: 'text', text: noticeLines(notices).join('\n') }, ...result.blocks],
  };
}
