/** Python libraries of a user that notebooks can import: from a file, a package, a skill, or source text. */
import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { fileOf, readLocalTree } from '#platform/local-tree.ts';

export interface LibraryFile {
  /** Relative to the folder of libraries, with `/`: `name.py`, or `name/...` for a package. */
  readonly name: string;
  readonly content: Buffer;
}

export interface Library {
  /** Under which it is imported. */
  readonly name: string;
  readonly files: readonly LibraryFile[];
  /** Told to the agent instead of what the module says of itself. */
  readonly docs?: string;
}

/** It travels in one message. Larger data belongs beside it, moved by a transfer. */
const MAX_BYTES = 6 * 1024 * 1024;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Each maker throws `path/not-found`, `input/invalid` for what cannot be imported, `input/too-large` above 6 MiB. */
export const Library = {
  /** A module: one `.py` file. */
  async fromFile(file: string): Promise<Library> {
    if (!file.endsWith('.py')) throw unusable(file, 'A library of one file is a .py file.');
    const name = path.basename(file, '.py');
    return checked({ name, files: [{ name: `${name}.py`, content: await read(file) }] });
  },

  /** A package: a folder with `__init__.py`, with all its modules and data, without what git ignores. */
  async fromDirectory(folder: string): Promise<Library> {
    const place = path.resolve(folder);
    const name = path.basename(place);
    const tree = await readLocalTree(place, path.dirname(place), new AbortController().signal);
    if (!tree.files.some((file) => file.name === '__init__.py'))
      throw unusable(folder, 'A package is a folder with __init__.py.');
    refuseSize(
      name,
      tree.files.reduce((sum, { size }) => sum + size, 0),
    );
    const files = await Promise.all(
      tree.files.map(async (file) => ({
        name: `${name}/${file.name}`,
        content: await read(fileOf(tree.root, file.name)),
      })),
    );
    return checked({ name, files });
  },

  /** A skill with code: a folder with `code.py` and `SKILL.md`, whose text becomes the documentation. */
  async fromSkill(folder: string): Promise<Library> {
    const name = path.basename(path.resolve(folder)).replaceAll('-', '_');
    const [content, docs] = await Promise.all([
      read(path.join(folder, 'code.py')),
      read(path.join(folder, 'SKILL.md')),
    ]);
    return checked({ name, files: [{ name: `${name}.py`, content }], docs: docs.toString('utf8') });
  },

  /** A module from its source. */
  fromCode(name: string, source: string, docs?: string): Library {
    const files = [{ name: `${name}.py`, content: Buffer.from(source, 'utf8') }];
    return checked({ name, files, ...(docs !== undefined && { docs }) });
  },

  /** Whichever of the above a path is. */
  async fromPath(place: string): Promise<Library> {
    if (place.endsWith('.py')) return Library.fromFile(place);
    const isSkill = await read(path.join(place, 'SKILL.md')).then(
      () => true,
      () => false,
    );
    return isSkill ? Library.fromSkill(place) : Library.fromDirectory(place);
  },
};

function checked(library: Library): Library {
  const { name, files } = library;
  if (!NAME.test(name)) throw unusable(name, 'Its name cannot stand behind "import".');
  refuseSize(
    name,
    files.reduce((sum, { content }) => sum + content.length, 0),
  );
  return library;
}

/** @throws `input/too-large`. */
function refuseSize(name: string, bytes: number): void {
  if (bytes <= MAX_BYTES) return;
  throw new GloveboxError('input/too-large', `Library ${name} has ${renderBytes(bytes)}.`, {
    hint: `A library has at most ${renderBytes(MAX_BYTES)}; keep data out of it and move that with sandbox_transfer.`,
  });
}

const unusable = (what: string, why: string): GloveboxError =>
  new GloveboxError('input/invalid', `${what} cannot be a library. ${why}`, {
    hint: 'A library is a .py file, a folder with __init__.py, or a skill with code.py and SKILL.md.',
  });

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw new GloveboxError('path/not-found', `${file} cannot be read: ${messageOf(error)}`, {
      hint: 'Correct the path of the library.',
    });
  });
}
