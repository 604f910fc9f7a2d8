/** What can come next on a command line, for shells. */
import { TRANSCRIPT_ACTIONS } from './commands/transcripts.ts';
import type { CliServices } from './host.ts';
import { flagOf, propertiesOf } from './tool-arguments.ts';
import type { Tool } from '#tools/define-tool.ts';

export interface CompletionRequest {
  /** The words after `glovebox`; the last one is being typed and may be empty. */
  readonly words: readonly string[];
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly tools: readonly Tool[];
  /** Opened only when ids, back ends or their options are asked for. */
  readonly services: () => Promise<CliServices>;
  /** Names of profiles; the same. */
  readonly profiles: () => Promise<readonly string[]>;
  readonly signal: AbortSignal;
}

const TAKES_SANDBOX = new Set(['status', 'stop', 'wait', 'logs', 'open', 'keep-alive']);

/** Candidates that begin with the last word. Empty leaves it to the shell, which completes file names. */
export async function complete(request: CompletionRequest): Promise<readonly string[]> {
  const { words } = request;
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const [command = ''] = words;
  const found =
    words.length <= 1
      ? [...request.commands.keys()]
      : last.startsWith('-')
        ? await flags(request, command)
        : before.startsWith('--')
          ? await valuesOf(before, request, command)
          : await values(request, command, words.length);
  return found.filter((candidate) => candidate.startsWith(last));
}

async function flags(request: CompletionRequest, command: string): Promise<readonly string[]> {
  const named = await parametersOf(request, command);
  return [...[...named.keys()].map(flagOf), ...(request.commands.get(command) ?? [])];
}

/** What may follow a flag, where that can be listed. */
async function valuesOf(
  flag: string,
  request: CompletionRequest,
  command: string,
): Promise<readonly string[]> {
  if (/^--session(-id)?$/.test(flag)) return sessionIds(request);
  if (/^--sandbox(-id)?$/.test(flag)) return sandboxIds(request);
  if (flag === '--profile') return request.profiles();
  if (flag === '--backend') return (await request.services()).sandboxes.backends();
  const parameters = await parametersOf(request, command);
  const [, parameter] = [...parameters].find(([name]) => flagOf(name) === flag) ?? [];
  return parameter?.choices ?? [];
}

/** Those of the tool that is called, or of the back end whose sandbox is started. */
async function parametersOf(
  { words, tools, services }: CompletionRequest,
  command: string,
): Promise<ReturnType<typeof propertiesOf>> {
  const called = command === 'tool' ? tools.find(({ name }) => name === words[1]) : undefined;
  if (called !== undefined) return propertiesOf(called.input);
  if (command !== 'start') return new Map();
  const { sandboxes } = await services();
  const named = words[words.indexOf('--backend') + 1];
  const isNamed = words.includes('--backend') && sandboxes.backends().some((id) => id === named);
  const id = isNamed ? named : sandboxes.defaultBackend();
  const { optionsSchema } = await sandboxes.backend(id ?? sandboxes.defaultBackend());
  return propertiesOf(optionsSchema);
}

/** Words that a command takes, where they are always the same. */
const WORDS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['completion', ['bash', 'zsh', 'fish']],
  ['budget', ['show', 'set']],
  ['transcripts', TRANSCRIPT_ACTIONS],
]);

async function values(
  request: CompletionRequest,
  command: string,
  count: number,
): Promise<readonly string[]> {
  if (count > 2) return [];
  if (command === 'tool') return request.tools.map(({ name }) => name);
  const words = WORDS.get(command);
  if (words !== undefined) return words;
  if (command === 'open') return [...(await sessionIds(request)), ...(await sandboxNames(request))];
  return TAKES_SANDBOX.has(command) ? sandboxNames(request) : [];
}

async function sessionIds({ services }: CompletionRequest): Promise<readonly string[]> {
  const { sessions } = await services();
  return (await sessions.list(false)).map(({ id }) => id);
}

async function sandboxIds({ services, signal }: CompletionRequest): Promise<readonly string[]> {
  const { sandboxes } = await services();
  return (await sandboxes.list({}, signal)).map(({ id }) => id);
}

/** Commands take names too. */
async function sandboxNames({ services, signal }: CompletionRequest): Promise<readonly string[]> {
  const { sandboxes } = await services();
  const living = await sandboxes.list({}, signal);
  return [...new Set(living.flatMap(({ id, name }) => [id, name]))];
}
