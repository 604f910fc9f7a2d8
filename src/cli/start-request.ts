/** What `glovebox start` asks for: a back end, its options, and what lives already and is meant or in the way. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { nearest } from '#core/nearest.ts';
import type { Person } from '#policy/contract.ts';
import type { CommandContext } from './command.ts';
import type { CliServices, SandboxView } from './host.ts';
import { mayStop } from './person.ts';
import { describeFlags, parseFlags } from './tool-arguments.ts';

export type StartRequest = Parameters<CliServices['sandboxes']['create']>[0];
type Backend = Awaited<ReturnType<CliServices['sandboxes']['backend']>>;

/** What the flags of `start` say about the sandbox. */
export interface WantedSandbox {
  readonly backend?: string;
  readonly name?: string;
  readonly profile?: string;
  /** A JSON file. */
  readonly config?: string;
  readonly takeover?: boolean;
  /** Several, each with a name of its own: none of the project is meant or in the way. */
  readonly count?: string;
}

/**
 * The request, after what is in its way has been stopped with `--takeover`.
 *
 * @param words TIME and flags of the back end
 * @param person asked before the sandbox of another session is stopped
 * @throws `input/invalid`, `backend/unknown`, `backend/unavailable`, `config/invalid`, `sandbox/in-the-way`.
 */
export async function makeRequest(
  context: CommandContext,
  services: CliServices,
  wanted: WantedSandbox,
  words: readonly string[],
  person: Person,
): Promise<StartRequest> {
  const { projectDir, sandboxes } = services;
  const written: Readonly<Record<string, unknown>> = {
    ...(wanted.config !== undefined && (await readConfig(context, wanted.config))),
    ...(wanted.profile !== undefined && { profile: wanted.profile }),
    ...(wanted.backend !== undefined && { backend: wanted.backend }),
    ...(wanted.name !== undefined && { name: wanted.name }),
  };
  const living =
    written['name'] === undefined && wanted.count === undefined
      ? await sandboxes.list({ projectDir }, context.signal)
      : [];
  const asked = await sandboxes.resolve(written, backendMeant(context, services, living));
  const backend = await sandboxes.backend(asked.backend);
  const options = { ...asked.options, ...(await readOptions(context, services, backend, words)) };
  await sandboxes.checkOptions(backend.id, options, asked.names);
  if (
    asked.name === undefined &&
    wanted.count === undefined &&
    !living.some((view) => view.backend === backend.id)
  )
    await clearWay(
      context,
      services,
      backend,
      living,
      wanted.takeover === true ? person : undefined,
    );
  return { ...asked, projectDir, options, once: 'project' };
}

/** @throws `input/invalid` for a file that is no JSON object. */
async function readConfig(
  { host }: CommandContext,
  file: string,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const content: unknown = JSON.parse(await readFile(path.resolve(host.cwd, file), 'utf8'));
    if (isRecord(content)) return content;
  } catch (error) {
    throw new GloveboxError('input/invalid', `${file} cannot be read: ${messageOf(error)}`, {
      hint: 'It holds one JSON object, such as {"backend": "local", "name": "probe"}.',
    });
  }
  throw new GloveboxError('input/invalid', `${file} holds no JSON object.`);
}

/** Nobody named one: what lives is meant, e.g. a job that an earlier `start` left in the queue. */
function backendMeant(
  { config }: CommandContext,
  { sandboxes }: CliServices,
  living: readonly SandboxView[],
): string {
  const usual = sandboxes.defaultBackend();
  if (config.get('backend') !== undefined || living.some(({ backend }) => backend === usual))
    return usual;
  return living[0]?.backend ?? usual;
}

async function readOptions(
  { host }: CommandContext,
  services: CliServices,
  backend: Backend,
  words: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  const { id, optionsSchema } = backend;
  const [first] = words;
  const time = first !== undefined && !first.startsWith('-') ? first : undefined;
  const parse = (flags: readonly string[]): Promise<Record<string, unknown>> =>
    parseFlags(flags, optionsSchema, host.readStdin).catch(async (error: unknown) => {
      await explainFlags(services, backend, flags);
      throw error;
    });
  if (time === undefined) return parse(words);
  if (!Object.hasOwn(optionsSchema.shape, 'time')) {
    throw new GloveboxError(
      'input/invalid',
      `The ${id} back end takes no time limit, so "${time}" means nothing.`,
      { hint: `Its options:\n${describeFlags(optionsSchema)}` },
    );
  }
  return { time, ...(await parse(words.slice(1))) };
}

/** Flags of `start` itself, which commander leaves to us when they are mistyped. */
const OWN_FLAGS = [
  'backend',
  'name',
  'profile',
  'config',
  'wait-s',
  'no-wait',
  'takeover',
  'foreground',
  'count',
  'all-or-nothing',
];

/** An unknown flag may be one of another back end, or one of `start` with a slip. @throws `input/invalid`. */
async function explainFlags(
  { sandboxes }: CliServices,
  { id, optionsSchema }: Backend,
  words: readonly string[],
): Promise<void> {
  for (const word of words) {
    const flag = /^--(?:no-)?([^=]+)/.exec(word)?.[1]?.replaceAll('_', '-');
    if (flag === undefined || Object.hasOwn(optionsSchema.shape, optionOf(flag))) continue;
    const others: string[] = [];
    for (const other of sandboxes.backends()) {
      const { optionsSchema: schema } = await sandboxes.backend(other);
      if (Object.hasOwn(schema.shape, optionOf(flag))) others.push(other);
    }
    const meant = nearest(flag, OWN_FLAGS);
    if (others.length === 0 && meant === undefined) continue;
    throw new GloveboxError(
      'input/invalid',
      others.length === 0
        ? `There is no --${flag}. Did you mean --${meant}?`
        : `The ${id} back end has no --${flag}; ${others.join(' and ')} can do this.`,
      {
        hint:
          others.length === 0
            ? `glovebox start --help; glovebox tool sandbox_options --backend ${id} lists options.`
            : `glovebox start --backend ${others[0]} ${words.join(' ')}`,
      },
    );
  }
}

const optionOf = (flag: string): string => flag.replaceAll('-', '_');

async function clearWay(
  context: CommandContext,
  services: CliServices,
  wanted: Backend,
  living: readonly SandboxView[],
  person: Person | undefined,
): Promise<void> {
  const { sandboxes, sessions } = services;
  const [first] = living;
  if (first === undefined) return;
  if (person === undefined) {
    const others = living.map(({ id, status }) => `${id} (${status.state})`).join(', ');
    throw new GloveboxError(
      'sandbox/in-the-way',
      `This project has a sandbox elsewhere: ${others}.`,
      {
        hint: `glovebox start --backend ${first.backend} goes on with it; glovebox start --backend ${wanted.id} --takeover stops it first; --name NAME starts one beside it.`,
      },
    );
  }
  for (const { id } of living) await mayStop(id, services, person, context);
  for (const { id } of living) {
    context.report({ message: `stopping ${id}` });
    await sessions.endAllIn(id);
    await sandboxes.stop(id, context.signal);
    context.say(`Sandbox ${id} is gone.`);
  }
}
