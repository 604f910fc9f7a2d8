/** One statement that runs a Python program of ours in a kernel and makes no name there. */
import { pythonText } from './python-text.ts';

/**
 * Values go in as JSON texts that the program reads, never as source.
 *
 * @param request what the program finds, as JSON, under `glovebox_request`
 * @param extra further global names of the program, as Python expressions that we wrote ourselves
 */
export function pythonCall(
  source: string,
  request: unknown,
  extra: Readonly<Record<string, string>> = {},
): string {
  const globals = Object.entries(extra).map(([name, expression]) => `"${name}": ${expression}`);
  const names = [
    '"__name__": "glovebox"',
    ...globals,
    `"glovebox_request": ${pythonText(JSON.stringify(request))}`,
  ];
  return `exec(${pythonText(source)}, {${names.join(', ')}})`;
}
