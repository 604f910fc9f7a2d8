/** Finds the folder with our Python files, in the bundle and in the source tree. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export function locatePythonFiles(): string {
  const isSource = import.meta.url.endsWith('.ts');
  return fileURLToPath(new URL(isSource ? '../../python' : './python', import.meta.url));
}

export const readPythonFile = (name: string): Promise<string> =>
  readFile(path.join(locatePythonFiles(), name), 'utf8');
