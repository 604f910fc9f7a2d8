/** Makes the MCP server of one connection: the tools, the resources, and how a call runs. */
import { setMaxListeners } from 'node:events';
import {
  McpServer,
  type CallToolResult,
  type InputRequiredResult,
  type RegisteredTool,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { CallOrigin } from '#tools/authorize.ts';
import type { ToolResult, ToolServices } from '#tools/define-tool.ts';
import type { ListedTool } from '#tools/listed-tool.ts';
import type { ChangingTools } from './changing-tools.ts';
import { createAsk, QuestionPending } from './consent.ts';
import type { McpClock, McpLog, Redact } from './contract.ts';
import { createLoopGuard, type LoopGuard } from './loop-guard.ts';
import { createParameterHelp, type ParameterHelp } from './parameter-help.ts';
import { ProgressReporter } from './progress.ts';
import { renderToolError } from './render-error.ts';
import {
  registerResources,
  runUri,
  STATUS_URI,
  type NotifyChanged,
  type ResourceReaders,
} from './resources.ts';

export interface McpServerOptions {
  readonly version: string;
  /** At most 2 KB; the only text about the tools that every model sees. */
  readonly instructions: string;
  readonly log: McpLog;
  readonly clock: McpClock;
  readonly resources: ResourceReaders;
  /** Tools that come and go, besides those that are always there. */
  readonly changingTools?: ChangingTools;
  /** For the texts of errors. */
  readonly redact?: Redact;
  /** For the text of every other answer, where the user wants that; none by default. */
  readonly redactOutput?: Redact;
}

/** What a client may show as a whole where it would cut other results: `get_run` is how one pages through the rest. */
const RESULT_CHARS: Readonly<Record<string, number>> = { get_run: 100_000 };
/** Claude Code replaces a longer result by a preview and a file (50,013 characters were, 49,993 were not). */
const DEFAULT_RESULT_CHARS = 49_000;

/**
 * One server for one connection, for either era of the protocol. Nothing is loaded here: tools and `loadServices` are at their first
 * call, and when that fails the handshake has succeeded all the same and each call says why.
 */
export function createMcpServer(
  tools: readonly ListedTool[],
  loadServices: () => Promise<ToolServices>,
  options: McpServerOptions,
): McpServer {
  const server = new McpServer(
    { name: 'glovebox', title: 'Glovebox', version: options.version },
    {
      instructions: options.instructions,
      capabilities: {
        tools: { listChanged: options.changingTools !== undefined },
        resources: { subscribe: true, listChanged: false },
      },
    },
  );
  const { redact = AS_IT_IS } = options;
  const notifyChanged = registerResources(server, options.resources, options.log, redact);
  const loops = createLoopGuard();
  const parameters = createParameterHelp();
  const { changingTools } = options;
  const refresh = async (): Promise<void> => {
    await changingTools?.refresh().catch((error: unknown) => {
      options.log.info(`the changing tools could not be read: ${String(error)}`);
    });
  };
  const register = (tool: ListedTool): RegisteredTool =>
    server.registerTool(tool.name, publishedFormOf(tool), (input: unknown, context) =>
      callTool(tool, input, context, {
        ...options,
        server,
        loadServices,
        notifyChanged,
        refresh,
        loops,
        parameters,
      }),
    );
  for (const tool of tools) register(tool);
  changingTools?.attach(tools, register);
  return server;
}

/** One more line, where the same is done again and again. */
function withLoopLine(
  result: CallToolResult,
  loops: LoopGuard,
  tool: ListedTool,
  input: unknown,
): CallToolResult {
  const text = result.content.map((block) => (block.type === 'text' ? block.text : block.type));
  return withLine(result, loops.seen(tool.name, input, text.join('\n')));
}

const withLine = (result: CallToolResult, text: string | undefined): CallToolResult =>
  text === undefined ? result : { ...result, content: [...result.content, { type: 'text', text }] };

function publishedFormOf(tool: ListedTool) {
  const { readOnly, destructive, idempotent, openWorld } = tool.hints;
  const resultChars = RESULT_CHARS[tool.name];
  const { inputSchema } = tool;
  return {
    title: tool.title,
    description: tool.description,
    annotations: {
      readOnlyHint: readOnly,
      destructiveHint: destructive,
      idempotentHint: idempotent,
      openWorldHint: openWorld,
    },
    _meta: {
      ...(tool.alwaysLoad && { 'anthropic/alwaysLoad': true }),
      ...(resultChars !== undefined && { 'anthropic/maxResultSizeChars': resultChars }),
    },
    // Publishes the schema and lets every value through: the tool checks its arguments itself, with a text for a model.
    inputSchema: {
      '~standard': {
        version: 1 as const,
        vendor: 'glovebox',
        validate: (value: unknown) => ({ value }),
        jsonSchema: { input: () => ({ ...inputSchema }), output: () => ({ ...inputSchema }) },
      },
    },
  };
}

const AS_IT_IS: Redact = (text) => text;

interface CallSurroundings extends McpServerOptions {
  readonly server: McpServer;
  readonly loadServices: () => Promise<ToolServices>;
  readonly notifyChanged: NotifyChanged;
  readonly loops: LoopGuard;
  readonly parameters: ParameterHelp;
  /** Before the answer, so that a client has the new tools when its model goes on. */
  readonly refresh: () => Promise<void>;
}

async function callTool(
  tool: ListedTool,
  input: unknown,
  context: ServerContext,
  surroundings: CallSurroundings,
): Promise<CallToolResult | InputRequiredResult> {
  const { server, clock, log, loadServices, notifyChanged, refresh, loops, parameters } =
    surroundings;
  const { redact = AS_IT_IS, redactOutput = AS_IT_IS } = surroundings;
  const { mcpReq } = context;
  // A call may ask many services at once, each of which listens.
  setMaxListeners(0, mcpReq.signal);
  const progressToken = mcpReq._meta?.progressToken;
  const progress =
    progressToken === undefined
      ? undefined
      : new ProgressReporter({
          clock,
          title: tool.title,
          send: (note) =>
            mcpReq.notify({ method: 'notifications/progress', params: { progressToken, ...note } }),
        });
  try {
    const [loaded, services] = await Promise.all([tool.load(), loadServices()]);
    const result = await loaded.run(input, {
      ...services,
      signal: mcpReq.signal,
      report: (step) => progress?.report(step),
      ask: createAsk(server, context, clock),
      origin: originOf(input, mcpReq._meta),
    });
    parameters.ended(tool, input);
    const runId = result.meta?.['run_id'];
    if (typeof runId === 'string') notifyChanged(runUri(runId));
    const maxChars = RESULT_CHARS[tool.name] ?? DEFAULT_RESULT_CHARS;
    const answer = toCallToolResult(result, maxChars, redactOutput);
    return withLoopLine(answer, loops, tool, input);
  } catch (error) {
    if (error instanceof QuestionPending) return error.result;
    const table = parameters.ended(tool, input, error);
    const failed = withLine(renderToolError(error, tool.name, log, redact), table);
    return withLoopLine(failed, loops, tool, input);
  } finally {
    if (!tool.hints.readOnly) notifyChanged(STATUS_URI);
    await refresh();
    await progress?.finish();
  }
}

/** Claude Code names each call, and its hook knows it by that name. */
function originOf(rawInput: unknown, meta: object | undefined): CallOrigin {
  const found = Object.entries(meta ?? {}).find(([key]) => key === 'claudecode/toolUseId');
  const id: unknown = found?.[1];
  return typeof id === 'string' ? { rawInput, toolUseId: id } : { rawInput };
}

/** Tools keep to a budget of their own; this is the net below it. */
function toCallToolResult(result: ToolResult, maxChars: number, redact: Redact): CallToolResult {
  let room = maxChars;
  const content = result.blocks.map((block): CallToolResult['content'][number] => {
    if (block.type === 'image') return { ...block };
    const whole = redact(block.text);
    const text = whole.slice(0, room);
    room -= text.length;
    const cut = whole.length - text.length;
    if (cut === 0) return { type: 'text', text };
    return { type: 'text', text: `${text}\n[${cut} more characters did not fit into one result.]` };
  });
  return { content, ...(result.meta !== undefined && { _meta: { ...result.meta } }) };
}
