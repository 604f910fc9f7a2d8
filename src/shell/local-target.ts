/** Puts fetched files into their places on this machine: gathered beside them, checked, and only then put there. */
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { errnoOf } from '#platform/files.ts';
import {
  fileOf,
  hashFile,
  isNeverMoved,
  NEVER_MOVED,
  refuseOutside,
} from '#platform/local-tree.ts';

export interface Arrived {
  readonly index: number;
  readonly name: string;
  readonly isExecutable: boolean;
}

/**
 * Where something from a sandbox may go. Its parents need not exist; links on the way must not lead out of the project.
 *
 * @returns the real path
 * @throws `path/not-allowed`, also for places whose content runs by itself, such as `.git`.
 */
export async function localTarget(requested: string, projectDir: string): Promise<string> {
  const project = await realpath(projectDir);
  const place = await realOf(path.resolve(project, requested));
  refuseOutside(place, project, requested);
  checkName(path.relative(project, place).split(path.sep).join('/'), requested);
  return place;
}

/** @throws `path/not-allowed` for a name that no folder of files can hold; it comes from the sandbox and is not trusted. */
export function checkName(name: string, shown: string): void {
  const steps = name.split('/');
  const isOdd = steps.some((step) => step === '..' || step === '.') || /[\0\\]/.test(name);
  if (!isOdd && !path.posix.isAbsolute(name) && !steps.some(isNeverMoved)) return;
  throw new GloveboxError('path/not-allowed', `${shown} is no place for files of a sandbox.`, {
    hint: `Nothing is fetched into ${NEVER_MOVED.join(', ')}, or under a name with "..".`,
  });
}

/** The files of one transfer until all of them are there. */
export class Arrivals {
  readonly #target: string;
  readonly #stage: string;

  private constructor(target: string, stage: string) {
    this.#target = target;
    this.#stage = stage;
  }

  static async open(target: string): Promise<Arrivals> {
    const folder = path.dirname(target);
    await mkdir(folder, { recursive: true });
    const stage = path.join(folder, `.glovebox-transfer-${randomBytes(6).toString('hex')}`);
    await mkdir(stage, { mode: 0o700 });
    return new Arrivals(target, stage);
  }

  /** Parts of one file come in order. */
  async append(index: number, data: Uint8Array): Promise<void> {
    await appendFile(path.join(this.#stage, String(index)), data);
  }

  /** Puts them all into their places. The folders on the way are made. @param check looks at each place again, and says where it is */
  async place(files: readonly Arrived[], check: (place: string) => Promise<string>): Promise<void> {
    for (const { index, name, isExecutable } of files) {
      const place = await check(fileOf(this.#target, name));
      await mkdir(path.dirname(place), { recursive: true });
      const source = path.join(this.#stage, String(index));
      if (isExecutable) await chmod(source, 0o755);
      await rename(source, place);
    }
  }

  async close(): Promise<void> {
    await rm(this.#stage, { recursive: true, force: true });
  }
}

/** What is at a place now: nothing, a file with this hash, or something that no file replaces. */
export async function localHash(
  place: string,
  signal: AbortSignal,
): Promise<{ readonly sha256: string } | 'folder' | undefined> {
  const facts = await stat(place).catch(() => undefined);
  if (facts === undefined) return undefined;
  return facts.isFile() ? { sha256: await hashFile(place, signal) } : 'folder';
}

/** Of a path whose end may not exist yet. */
async function realOf(place: string): Promise<string> {
  try {
    return await realpath(place);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    const parent = path.dirname(place);
    return path.join(parent === place ? parent : await realOf(parent), path.basename(place));
  }
}
