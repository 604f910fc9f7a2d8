/** Hooks of Node for set-up scripts: TypeScript is loaded as it stands, and the bare name `glovebox` is this package. */
import { readFile } from 'node:fs/promises';
import type { LoadHook, ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';

const TYPESCRIPT = /\.m?ts$/;

let library = '';

/** Called by Node with what `register` was given. */
export function initialize(data: { readonly library: string }): void {
  library = data.library;
}

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  if (specifier === 'glovebox') return { url: library, shortCircuit: true };
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    for (const candidate of otherSpellings(specifier)) {
      try {
        return await nextResolve(candidate, context);
      } catch {
        // The first answer names what the script says.
      }
    }
    throw error;
  }
};

/** TypeScript projects write `./part` and `./part.js` for `./part.ts`. */
function otherSpellings(specifier: string): readonly string[] {
  if (!/^\.{0,2}\/|^file:/.test(specifier) || TYPESCRIPT.test(specifier)) return [];
  const stem = specifier.replace(/\.m?js$/, '');
  return [`${stem}.ts`, `${stem}.mts`, `${stem}/index.ts`];
}

export const load: LoadHook = async (url, context, nextLoad) => {
  if (!url.startsWith('file:') || !TYPESCRIPT.test(url)) return nextLoad(url, context);
  const file = fileURLToPath(url);
  const source = await readFile(file, 'utf8');
  const { transform } = await import('sucrase');
  // Lines stay where they are, so that traces are right without a map.
  const { code } = transform(source, {
    transforms: ['typescript'],
    disableESTransforms: true,
    filePath: file,
  });
  return { format: 'module', source: code, shortCircuit: true };
};
