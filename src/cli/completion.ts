/** What can come next on a command line, for shells. */
import type { CliServices } from './host.ts';
import { flagOf, propertiesOf } from './tool-arguments.ts';
import type { Tool } from '#tools/define-tool.ts';

export interface CompletionRequest {
  /** The words after `glovebox`; the last one is being typed and may be empty. */
  readonly words: readonly string[];
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly tools: readonly Tool[];
  /** Opened only when ids are asked for. */
  readonly services: () => Promise<CliServices>;
  readonly signal: AbortSignal;
}

const TAKES_SANDBOX = new Set(['status', 'stop', 'wait', 'logs', 'open']);

/** Candidates that begin with the last word. Empty leaves it to the shell, which completes file names. */
export async function complete(request: CompletionRequest): Promise<readonly string[]> {
  const { words } = request;
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const [command = ''] = words;
  const found =
    words.length <= 1
      ? [...request.commands.keys()]
      : before === '--session' || before === '--session-id'
        ? await sessionIds(request)
        : before === '--sandbox' || before === '--sandbox-id'
          ? await sandboxIds(request)
          : last.startsWith('-')
            ? flags(request, command, words[1] ?? '')
            : await values(request, command, words.length);
  return found.filter((candidate) => candidate.startsWith(last));
}

function flags(
  { commands, tools }: CompletionRequest,
  command: string,
  second: string,
): readonly string[] {
  const called = command === 'tool' ? tools.find(({ name }) => name === second) : undefined;
  const own = called === undefined ? [] : [...propertiesOf(called.input).keys()].map(flagOf);
  return [...own, ...(commands.get(command) ?? [])];
}

async function values(
  request: CompletionRequest,
  command: string,
  count: number,
): Promise<readonly string[]> {
  if (count > 2) return [];
  if (command === 'tool') return request.tools.map(({ name }) => name);
  if (command === 'completion') return ['bash', 'zsh', 'fish'];
  if (command === 'open') return [...(await sessionIds(request)), ...(await sandboxIds(request))];
  return TAKES_SANDBOX.has(command) ? sandboxIds(request) : [];
}

async function sessionIds({ services }: CompletionRequest): Promise<readonly string[]> {
  const { sessions } = await services();
  return (await sessions.list(false)).map(({ id }) => id);
}

async function sandboxIds({ services, signal }: CompletionRequest): Promise<readonly string[]> {
  const { sandboxes } = await services();
  return (await sandboxes.list({}, signal)).map(({ id }) => id);
}
