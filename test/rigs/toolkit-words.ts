/** Every name that the toolkit of kernels has in its source: what texts about it may use. */
import { readKernelFiles } from '#sandbox/kernel-files.ts';
import { locatePythonFiles } from '#main/python-files.ts';

export async function toolkitWords(): Promise<ReadonlySet<string>> {
  const files = Object.values(await readKernelFiles(locatePythonFiles()));
  return new Set(files.flatMap((text) => text.match(/\b[A-Za-z_]\w*/g) ?? []));
}
