/** `glovebox serve`: functions of a Python file, for agents that may call nothing else of it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { WITHOUT_LIMIT_MS, type CliCommand, type CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliServices } from '../host.ts';

type Interfaces = CliServices['interfaces'];
type Served = Awaited<ReturnType<Interfaces['list']>>[number];
const EXPOSURES = ['mcp', 'library', 'prompt'] as const;

interface Options {
  readonly sandbox?: string;
  readonly name?: string;
  readonly as: string;
  readonly callLimit: string;
  readonly only?: boolean;
  readonly stop?: boolean;
}

export const serve: CliCommand = {
  usage: 'serve [file]',
  about:
    'Serve the functions of a Python file that are marked @expose; without a file, list what is served.',
  configure: (command) =>
    command
      .option('--sandbox <id>', "where it runs (default: the project's own, else this machine)")
      .option('--name <name>', 'its name (default: the name of the file)')
      .option('--as <form>', 'mcp: as tools, library: as a module, prompt: told in words', 'mcp')
      .option('--call-limit <seconds>', 'how long a call may take', '600')
      .option('--only', 'let agents do nothing else in that sandbox')
      .option('--stop', 'end the interface of that name instead'),
  async run(context, command) {
    const options = command.opts<Options>();
    const [file] = command.args;
    const { interfaces } = await context.services();
    if (options.stop === true) return stop(context, interfaces, nameOf(file, options));
    if (file === undefined) return list(context, interfaces);
    const served = await interfaces.serve(
      {
        sandboxId: options.sandbox,
        name: nameOf(file, options),
        source: await sourceOf(path.resolve(context.host.cwd, file)),
        expose: exposureOf(options.as),
        isOnly: options.only === true,
        callLimitMs: limitMsOf(options.callLimit),
      },
      context.wait(WITHOUT_LIMIT_MS),
    );
    if (context.json) context.printJson(jsonOf(served));
    else if (served.expose === 'prompt') context.print(interfaces.describe(served));
    else context.print(lineOf(served));
    return EXIT.done;
  },
};

async function list(context: CommandContext, interfaces: Interfaces): Promise<ExitCode> {
  const served = await interfaces.list();
  if (context.json) context.printJson({ interfaces: served.map(jsonOf) });
  else if (served.length === 0) context.print('Nothing is served in this project.');
  else context.print(served.map(lineOf).join('\n'));
  return EXIT.done;
}

async function stop(
  context: CommandContext,
  interfaces: Interfaces,
  name: string,
): Promise<ExitCode> {
  const found = (await interfaces.list()).filter((served) => served.name === name);
  for (const served of found) await interfaces.stop(served, context.wait(WITHOUT_LIMIT_MS));
  if (context.json) context.printJson({ stopped: found.map(jsonOf) });
  else context.print(found.length === 0 ? `No interface is called ${name}.` : `${name} has ended.`);
  return found.length === 0 ? EXIT.nothing : EXIT.done;
}

const jsonOf = ({ name, sandboxId, expose, functions }: Served) => ({
  name,
  sandbox_id: sandboxId,
  as: expose,
  functions: functions.map((one) => one.name),
});

const lineOf = ({ name, sandboxId, expose, functions }: Served): string =>
  `${name}  ${sandboxId}  ${expose}  ${functions.map((one) => one.name).join(', ')}`;

function nameOf(file: string | undefined, { name }: Options): string {
  if (name !== undefined) return name;
  if (file !== undefined) return path.basename(file, '.py').replaceAll('-', '_').toLowerCase();
  throw new GloveboxError('input/invalid', 'Which interface is not said.', {
    hint: 'glovebox serve --stop --name NAME',
  });
}

function exposureOf(text: string): (typeof EXPOSURES)[number] {
  const found = EXPOSURES.find((one) => one === text);
  if (found !== undefined) return found;
  throw new GloveboxError('input/invalid', `--as is "${text}".`, {
    hint: `Give one of ${EXPOSURES.join(', ')}.`,
  });
}

function limitMsOf(text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000;
  throw new GloveboxError('input/invalid', `--call-limit is "${text}", which is no time.`);
}

async function sourceOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new GloveboxError('path/not-found', `${file} cannot be read: ${messageOf(error)}`, {
      hint: 'Name the Python file whose functions are to be served.',
    });
  });
}
