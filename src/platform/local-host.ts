/** This machine as a host, so that a login node and a laptop are served by the same code. */
import { mkdir } from 'node:fs/promises';
import { constants, homedir, hostname } from 'node:os';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { createDirectRoute } from './direct-route.ts';
import type { Environment } from './environment.ts';
import { readTextIfExists, writeFileAtomic } from './files.ts';
import type { Host } from './host.ts';
import { openProgram, toHostStream } from './process-stream.ts';
import { runCommand } from './process.ts';

/** `env` is the whole environment of the commands: secrets that they must not see are left out by the caller. */
export function createLocalHost({ env }: { readonly env: Environment }): Host {
  const given = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return {
    name: 'this machine',
    isRemote: false,

    async run(argv, options) {
      checkWords(argv);
      const kept = Object.entries(given).filter(
        ([name]) => !(options.withoutEnv ?? []).some((pattern) => matches(name, pattern)),
      );
      const result = await runCommand(argv, {
        env: { ...Object.fromEntries(kept), ...options.env },
        timeoutMs: options.timeoutMs,
        signal: options.signal,
        ...(options.input === undefined ? {} : { input: options.input }),
      });
      return { ...result, code: result.code ?? 128 + signalNumber(result.signal), signal: null };
    },

    async open(argv, { signal }) {
      checkWords(argv);
      return toHostStream(await openProgram(argv, { env: given, signal }));
    },

    async writeFile(file, content, { mode = 0o600, signal }) {
      throwIfAborted(signal);
      const folder = path.dirname(file);
      await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
        throw new GloveboxError('storage/failed', `Cannot make ${folder}: ${messageOf(error)}`, {
          cause: error,
        });
      });
      await writeFileAtomic(file, content, { mode });
    },

    async readFile(file, { signal }) {
      throwIfAborted(signal);
      return readTextIfExists(file);
    },

    routeTo: createDirectRoute,
    home: async () => given['HOME'] ?? homedir(),
    hostname: async () => hostname(),
  };
}

const matches = (name: string, pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

function checkWords(argv: readonly string[]): void {
  if (argv.some((word) => word.includes('\0'))) {
    throw new GloveboxError('input/invalid', 'A word of a command holds a NUL character.');
  }
}

function signalNumber(signal: string | null): number {
  return Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? 0;
}
