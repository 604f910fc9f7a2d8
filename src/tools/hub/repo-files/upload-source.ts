/** Where the bytes of an upload come from: the call itself, a file of the project, or a file in a sandbox. */
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { ToolContext } from '../../define-tool.ts';

const MAX_BYTES = 100 * 1024 * 1024;

export interface UploadSource {
  readonly bytes: Buffer;
  /** Where it is from, for the person who decides. */
  readonly words: string;
}

/** @throws GloveboxError `input/invalid` unless exactly one is given; `path/not-allowed`, `path/not-found`, `input/too-large`. */
export async function readUploadSource(
  given: { readonly content: string | undefined; readonly sourcePath: string | undefined },
  context: ToolContext,
): Promise<UploadSource> {
  const { content, sourcePath } = given;
  if ((content === undefined) === (sourcePath === undefined)) {
    throw new GloveboxError(
      'input/invalid',
      'operation "upload" needs exactly one of content and source_path.',
      {
        hint: 'content is text; source_path a file in the project, or "sandbox:ID:PATH".',
      },
    );
  }
  if (content !== undefined) {
    return { bytes: Buffer.from(content, 'utf8'), words: 'text of the call' };
  }
  const named = sourcePath ?? '';
  const inSandbox = /^sandbox:([^:]+):(.+)$/s.exec(named);
  if (inSandbox === null) return fromProject(named, context);
  const [, sandboxId = '', file = ''] = inSandbox;
  const { signal, report, settings } = context;
  const wait = { waitMs: settings.waitMs(), signal, report };
  const { real, bytes } = await context.files.load({ sandboxId, path: file }, wait);
  return { bytes, words: `${real} in sandbox ${sandboxId}` };
}

/** Links are followed before it is decided whether it is inside. */
async function fromProject(named: string, { projectDir }: ToolContext): Promise<UploadSource> {
  const root = await realpath(projectDir);
  const real = await realpath(path.resolve(projectDir, named)).catch(() => undefined);
  const relative = real === undefined ? '' : path.relative(root, real);
  if (real === undefined) {
    throw new GloveboxError('path/not-found', `There is no ${named} in the project.`, {
      hint: `Paths count from ${projectDir}.`,
    });
  }
  if (relative.startsWith('..') || path.isAbsolute(relative) || relative === '') {
    throw new GloveboxError('path/not-allowed', `${named} is not inside the project.`, {
      hint: `Only files below ${projectDir} and in sandboxes are uploaded.`,
    });
  }
  const found = await stat(real);
  if (!found.isFile()) {
    throw new GloveboxError('input/invalid', `${named} is no regular file.`, {
      hint: 'Upload files one by one.',
    });
  }
  if (found.size > MAX_BYTES) {
    throw new GloveboxError(
      'input/too-large',
      `${named} has ${renderBytes(found.size)}; at most ${renderBytes(MAX_BYTES)} are uploaded here.`,
      { hint: "Use Hugging Face's own program for it: hf upload." },
    );
  }
  return { bytes: await readFile(real), words: `${relative} of the project` };
}
