/** How a script gets into a Job and is run there: one fixed line of shell; everything else are words that no shell reads. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { Script } from './script.ts';

/** Not `-l`: a login shell sets the PATH anew. `$0` is the file that the script becomes. */
const LAUNCHER =
  'printf %s "$GLOVEBOX_SCRIPT" | base64 -d | gzip -dc > "$0" && unset GLOVEBOX_SCRIPT && exec uv run "$@"';
/** Linux takes 128 KiB in one variable. */
const MAX_CHARS = 120_000;

export interface ScriptRun {
  readonly args: readonly string[];
  readonly dependencies: readonly string[];
  readonly python: string | undefined;
}

export interface Launch {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** @throws GloveboxError `input/invalid`, `input/too-large`. */
export function launchScript(script: Script, run: ScriptRun): Launch {
  for (const requirement of run.dependencies)
    if (!/^[A-Za-z0-9][^\n\r]*$/.test(requirement))
      throw new GloveboxError(
        'input/invalid',
        `dependencies: "${requirement}" is no requirement.`,
        {
          hint: 'write it as in a requirements file: name, name>=2,<3 or name @ https://...',
        },
      );
  if (run.python !== undefined && !/^[\w>=<~!][\w.,>=<~!@+-]*$/.test(run.python))
    throw new GloveboxError('input/invalid', `python: "${run.python}" is no version.`, {
      hint: 'write it as 3.12.',
    });
  const words = [
    ...run.dependencies.flatMap((requirement) => ['--with', requirement]),
    ...(run.python === undefined ? [] : ['--python', run.python]),
  ];
  if (script.kind === 'url')
    return { command: ['uv', 'run', ...words, script.url, ...run.args], environment: {} };
  const packed = gzipSync(script.bytes).toString('base64');
  if (packed.length > MAX_CHARS)
    throw new GloveboxError(
      'input/too-large',
      `The script has ${renderBytes(script.bytes.length)}, and packed it is still more than a Job can be given.`,
      { hint: 'put it on the Hub (hf_repo_files upload) and give its address as script.' },
    );
  const hash = createHash('sha256').update(script.bytes).digest('hex');
  const file = `/tmp/glovebox-${hash.slice(0, 12)}.py`;
  return {
    command: ['/bin/sh', '-c', LAUNCHER, file, ...words, file, ...run.args],
    environment: { GLOVEBOX_SCRIPT: packed },
  };
}

/** A command as a person would write it. */
export function renderCommand(command: readonly string[]): string {
  const isScript = command[2] === LAUNCHER;
  const words = isScript ? ['uv', 'run', ...command.slice(4)] : command;
  return words
    .map((word) =>
      isScript && word === command[3]
        ? 'SCRIPT'
        : /^[\w@%+=:,./-]+$/.test(word)
          ? word
          : JSON.stringify(word),
    )
    .join(' ');
}
