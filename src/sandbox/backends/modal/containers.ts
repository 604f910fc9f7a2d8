/** Docker inside a Modal sandbox: its engine, and a container for each repository that has a Dockerfile. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { Layout } from '#sandbox/layout.ts';
import { containersOf, type WantedContainer } from '#sandbox/repositories.ts';
import type { ModalOptions } from './options.ts';
import { runInside, type Inside } from './run-inside.ts';

/** What the image needs for it. */
export const DOCKER_PACKAGES = ['ca-certificates', 'docker.io'] as const;

/** Where the engine listens and what runs there is noted: `python/containers.py` and `python/glovebox_containers.py` know the rest. */
export const containersPlace = ({ state }: Layout): string => `${state}/docker`;

const ENGINE_LIMIT_S = 120;
const TAIL_LINES = 40;

/**
 * Starts the engine, builds and starts one container after the other. What is there already stays.
 *
 * @throws `sandbox/image-failed` with the end of what the failing command printed.
 */
export async function startContainers(
  options: Pick<ModalOptions, 'docker' | 'repos'>,
  place: Inside,
): Promise<void> {
  if (!options.docker) return;
  const { layout, report } = place;
  const read = (name: string): Promise<string> =>
    readFile(path.join(place.pythonDir, name), 'utf8');
  const programs = {
    program: await read('containers.py'),
    // Only here, as a machine's command has no room for what few need.
    module: await read('glovebox_containers.py'),
  };
  const run = (limitS: number, container?: WantedContainer): Promise<void> =>
    inside(programs, { ...place, limitS }, container);
  report({ message: 'starting the Docker engine' });
  await run(ENGINE_LIMIT_S);
  for (const container of containersOf(options.repos, layout.workspace)) {
    report({ message: `building the image of ${container.name}, and starting its container` });
    await run(ENGINE_LIMIT_S + container.limitS, container);
  }
}

interface Programs {
  readonly program: string;
  /** What kernels import. */
  readonly module: string;
}

async function inside(
  { program, module }: Programs,
  { limitS, ...place }: Inside & { readonly limitS: number },
  container: WantedContainer | undefined,
): Promise<void> {
  const { state, workspace } = place.layout;
  const wanted = {
    state,
    workspace,
    module,
    ...(container !== undefined && { container: { ...container, limit_s: container.limitS } }),
  };
  const failed = await runInside(place, {
    what: 'Docker',
    program,
    wanted,
    timeoutMs: limitS * 1000,
  });
  if (failed === undefined) return;
  throw new GloveboxError(
    'sandbox/image-failed',
    [failed.why, ...failed.printed.split('\n').slice(-TAIL_LINES)].join('\n'),
    {
      hint: 'Correct the Dockerfile, or give it more time with install_timeout_seconds of the repository. Docker inside is experimental at Modal.',
    },
  );
}
