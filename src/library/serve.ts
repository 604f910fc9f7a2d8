/** Serves the exposed functions of a Python file in a sandbox, for a program. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { Call } from './call.ts';
import type { ServedInterface, ServeOptions } from './contract.ts';

export async function serveFile(
  sandboxId: string,
  file: string,
  options: ServeOptions,
  { engine, wait }: Call,
): Promise<ServedInterface> {
  const { interfaces } = engine;
  const { rpcTimeoutSeconds, startTimeoutSeconds } = options;
  const source = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new GloveboxError('path/not-found', `${file} cannot be read: ${messageOf(error)}`, {
      hint: 'Name the Python file whose functions are to be served.',
    });
  });
  const name = options.name ?? path.basename(file, '.py').replaceAll('-', '_').toLowerCase();
  const served = await interfaces.serve(
    {
      sandboxId,
      name,
      source,
      expose: options.expose ?? 'mcp',
      isOnly: options.only ?? false,
      ...(rpcTimeoutSeconds !== undefined && { callLimitMs: rpcTimeoutSeconds * 1000 }),
      ...(startTimeoutSeconds !== undefined && { startLimitMs: startTimeoutSeconds * 1000 }),
    },
    wait,
  );
  const { expose, functions } = served;
  return { name, expose, functions, description: interfaces.describe(served) };
}
