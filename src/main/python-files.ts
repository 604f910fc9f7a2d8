/** Finds the folder with our Python files, in the bundle and in the source tree. */
import { fileURLToPath } from 'node:url';

export function locatePythonFiles(): string {
  const isSource = import.meta.url.endsWith('.ts');
  return fileURLToPath(new URL(isSource ? '../../python' : './python', import.meta.url));
}
