/** `glovebox tool`: calls any tool, or lists them. */
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { inputSchemaOf } from '#tools/input-schema.ts';
import type { Tool, ToolResult } from '#tools/define-tool.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { imageSaver } from '../images.ts';
import { APPROVE_MAX_HELP, personOf } from '../person.ts';
import { describeFlags, parseFlags } from '../tool-arguments.ts';

interface ToolOptions {
  /** Bare: the answer as JSON. With a value: the arguments. */
  readonly json?: true | string;
  readonly input?: string;
  readonly schema?: boolean;
  readonly saveImages?: string;
  readonly approveMaxUsd?: string;
}

export const tool: CliCommand = {
  usage: 'tool [name]',
  about:
    'Call a tool the way an agent does: --key value, or --json \'{"key": "value"}\'. Without a name: list the tools.',
  configure: (command) =>
    command
      .option(
        '--json [arguments]',
        'the arguments as one JSON object; without a value: the answer as JSON',
      )
      .option(
        '--input <arguments>',
        'the arguments as one JSON object, or - to read them from stdin',
      )
      .option('--schema', "print the JSON Schema of the tool's arguments and call nothing")
      .option('--save-images <folder>', 'where images go')
      .option('--approve-max-usd <dollars>', APPROVE_MAX_HELP)
      .addHelpText(
        'after',
        '\nglovebox tool NAME --help shows the parameters of a tool. A value of - is read from stdin.',
      )
      .allowUnknownOption()
      .allowExcessArguments(),
  async run(context, command) {
    const { host } = context;
    const given = command.opts<ToolOptions>();
    const { name, words, whole, isJsonWanted } = split(command.args, given);
    const json = context.json || isJsonWanted;
    if (name === undefined) return list(context);
    const found = findTool(host.tools, name);
    if (given.schema === true) {
      context.printJson(inputSchemaOf(found));
      return EXIT.done;
    }
    const fromJson =
      whole === undefined ? {} : parseJson(whole === '-' ? await host.readStdin() : whole);
    const fromFlags = await parseFlags(words, found.input, host.readStdin);
    const services = await context.services();
    context.onInterruptSay('The call was cancelled. glovebox status shows what still runs.');
    const { report } = context;
    const person = personOf(context, given.approveMaxUsd);
    const result = await services.callTool(
      found,
      { ...fromJson, ...fromFlags },
      { report, ...person },
    );
    context.progress.clear();
    if (json)
      context.printJson({
        content: result.blocks,
        ...(result.meta !== undefined && { meta: result.meta }),
      });
    else await print(context, found, result, given.saveImages);
    return EXIT.done;
  },
};

interface Call {
  readonly name: string | undefined;
  readonly words: readonly string[];
  /** Arguments as one JSON object. */
  readonly whole: string | undefined;
  readonly isJsonWanted: boolean;
}

/** A bare `--json` before the name takes the name for its value; that is put right here. */
function split(words: readonly string[], { json, input }: ToolOptions): Call {
  const [first] = words;
  const hasName = first !== undefined && !first.startsWith('-');
  if (!hasName && typeof json === 'string' && !json.trimStart().startsWith('{')) {
    return { name: json, words, whole: input, isJsonWanted: true };
  }
  const whole = typeof json === 'string' ? json : input;
  if (!hasName) return { name: undefined, words, whole, isJsonWanted: false };
  return { name: first, words: words.slice(1), whole, isJsonWanted: false };
}

/** The help of one tool: what the model reads, and the flags. */
export function toolHelp(found: Tool): string {
  const { readOnly, destructive } = found.hints;
  const kind = readOnly
    ? 'reads only'
    : destructive
      ? 'may change or delete things'
      : 'changes things';
  return `${found.name}: ${found.title} (${kind})\n\n${found.description}\n\nParameters:\n${describeFlags(found.input)}`;
}

/** @throws `input/invalid` with a suggestion. */
export function findTool(tools: readonly Tool[], name: string): Tool {
  const wanted = name.replaceAll('-', '_');
  const found = tools.find((candidate) => candidate.name === wanted);
  if (found !== undefined) return found;
  const names = tools.map((candidate) => candidate.name);
  throw new GloveboxError(
    'input/invalid',
    `There is no tool "${name}".${didYouMean(wanted, names)}`,
    {
      hint: 'glovebox tool lists them.',
    },
  );
}

function list(context: CommandContext): typeof EXIT.done {
  const { tools } = context.host;
  if (context.json) {
    context.printJson({
      tools: tools.map(({ name, toolset, title, description }) => ({
        name,
        toolset,
        title,
        description,
      })),
    });
    return EXIT.done;
  }
  const width = Math.max(...tools.map(({ name }) => name.length));
  for (const toolset of new Set(tools.map((each) => each.toolset))) {
    context.print(`${toolset}:`);
    for (const each of tools.filter((candidate) => candidate.toolset === toolset)) {
      context.print(`  ${each.name.padEnd(width)}  ${each.title}`);
    }
  }
  return EXIT.done;
}

async function print(
  context: CommandContext,
  found: Tool,
  { blocks }: ToolResult,
  folder: string | undefined,
): Promise<void> {
  const save = imageSaver(context, found.name, folder);
  for (const block of blocks) {
    if (block.type === 'text') context.print(block.text);
    else context.print(`[image: ${await save(block.data, block.mimeType)}]`);
  }
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return Object.fromEntries(Object.entries(value));
  } catch (error) {
    throw new GloveboxError('input/invalid', `The arguments are no JSON: ${String(error)}`, {
      cause: error,
    });
  }
  throw new GloveboxError('input/invalid', 'The arguments must be one JSON object.', {
    hint: 'E.g. --json \'{"session_id": "s-..."}\'',
  });
}
