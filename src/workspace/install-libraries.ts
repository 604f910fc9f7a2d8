/** Puts libraries into a sandbox, where its kernels import them from, and tries each once before anybody relies on it. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels } from '#session/helper-kernels.ts';
import { withProgram, type Ask } from '#shell/ask-kernel.ts';
import type { Library } from './library.ts';

/** The type under which `python/libraries.py` publishes its answers. */
const MIME = 'application/vnd.glovebox.libraries+json';
/** Longer than the program itself gives an import. */
const ANSWER_MS = 330_000;

export interface InstalledLibrary {
  readonly name: string;
  /** What the module says of itself and the signatures of what it offers; or what was given instead. */
  readonly docs: string;
}

export interface InstallOptions {
  readonly helpers: HelperKernels;
  readonly clock: Clock;
  /** The text of `python/libraries.py`. */
  source(this: void): Promise<string>;
}

const failure = z.object({ error: z.string() });
const noFolder = z.object({ no_folder: z.literal(true) });
const mark = z.object({ sha256: z.string(), docs: z.string() });
const stateAnswer = z.object({ known: z.record(z.string(), mark) });
const checkAnswer = z.object({
  found: z.record(z.string(), z.union([failure, z.object({ docs: z.string() })])),
});

/**
 * One that is there with the same content is neither sent nor tried again. Sessions that run keep what they have imported.
 *
 * @throws `kernel/library-failed` with the traceback of an import, or where a library would hide a module; `sandbox/pending` and
 *   others as `HelperKernels.lend`; `kernel/unresponsive`, `cancelled`.
 */
export async function installLibraries(
  options: InstallOptions,
  sandboxId: string | undefined,
  libraries: readonly Library[],
  wait: SandboxWait,
): Promise<readonly InstalledLibrary[]> {
  if (libraries.length === 0) return [];
  refuseTwins(libraries);
  const program = { ...options, mime: MIME, limitMs: ANSWER_MS };
  return withProgram(program, sandboxId, wait, async (question, usedId) => {
    const ask: Ask = async (request) => {
      const answer = await question(request);
      const failed = failure.safeParse(answer);
      if (failed.success) throw libraryFailed(failed.data.error);
      if (noFolder.safeParse(answer).success) throw withoutFolder(usedId);
      return answer;
    };
    const names = libraries.map(({ name }) => name);
    const { known } = stateAnswer.parse(await ask({ operation: 'state', names }));
    const changed = libraries
      .map((library) => ({ library, sha256: hashOf(library) }))
      .filter(({ library, sha256 }) => known[library.name]?.sha256 !== sha256);
    for (const { library } of changed) {
      wait.report({ message: `installing library ${library.name}` });
      const files = library.files.map(({ name, content }) => ({
        name,
        data: content.toString('base64'),
      }));
      await ask({ operation: 'install', name: library.name, files, overwrite: false });
    }
    const docs = new Map(Object.entries(known).map(([name, { docs: text }]) => [name, text]));
    if (changed.length > 0) {
      wait.report({
        message: `importing ${changed.map(({ library }) => library.name).join(', ')}`,
      });
      const tried = changed.map(({ library: { name, docs: text }, sha256 }) => ({
        name,
        sha256,
        docs: text,
      }));
      const { found } = checkAnswer.parse(await ask({ operation: 'check', libraries: tried }));
      for (const { library } of changed) {
        const result = found[library.name];
        if (result === undefined || 'error' in result)
          throw libraryFailed(`Library ${library.name}: ${result?.error ?? 'nothing is known'}`);
        docs.set(library.name, library.docs ?? result.docs);
      }
    }
    return names.map((name) => ({ name, docs: docs.get(name) ?? '' }));
  });
}

function hashOf({ files, docs }: Library): string {
  const digest = createHash('sha256').update(docs ?? '');
  for (const { name, content } of files)
    digest.update(`\n${name}\n${content.length}\n`).update(content);
  return digest.digest('hex');
}

function refuseTwins(libraries: readonly Library[]): void {
  const names = libraries.map(({ name }) => name);
  const twin = names.find((name, index) => names.indexOf(name) !== index);
  if (twin !== undefined) throw libraryFailed(`Two libraries are called ${twin}.`);
}

const libraryFailed = (message: string): GloveboxError =>
  new GloveboxError('kernel/library-failed', message, {
    hint: 'Mend the library, or take it out of libraries; no notebook was started.',
  });

const withoutFolder = (sandboxId: string): GloveboxError =>
  new GloveboxError(
    'kernel/library-failed',
    `The Python of sandbox ${sandboxId} has no folder for libraries: it was started by an older Glovebox, or is not its own.`,
    { hint: `sandbox_stop(sandbox_id="${sandboxId}"), then start again.` },
  );
