/** Runs one of our Python programs as root in a Modal sandbox that has started, with what is wanted on its standard input. */
import type { JsonObject } from '#core/json.ts';
import type { Layout } from '#sandbox/layout.ts';
import type { ModalSdk } from './sdk.ts';

/** A sandbox that something is added to. */
export interface Inside {
  readonly modalId: string;
  readonly layout: Layout;
  readonly pythonDir: string;
  readonly sdk: Pick<ModalSdk, 'exec'>;
  readonly signal: AbortSignal;
  readonly report: (progress: { readonly message: string }) => void;
}

/** Why it did not do what was wanted, and what it printed. */
export interface FailedInside {
  readonly why: string;
  readonly printed: string;
}

/**
 * @param what it is that runs, for a failure without words
 * @returns undefined when all went well
 */
export async function runInside(
  { modalId, sdk, signal }: Pick<Inside, 'modalId' | 'sdk' | 'signal'>,
  {
    what,
    program,
    wanted,
    timeoutMs,
  }: {
    readonly what: string;
    readonly program: string;
    readonly wanted: JsonObject;
    readonly timeoutMs: number;
  },
): Promise<FailedInside | undefined> {
  const stdin = Buffer.from(JSON.stringify(wanted));
  const argv = ['python3', '-I', '-c', program];
  const { code, stdout, stderr } = await sdk.exec(modalId, argv, { stdin, timeoutMs, signal });
  if (code === 0) return undefined;
  const why = stderr.trim() === '' ? `${what}: exit code ${code}` : stderr.trim();
  return { why, printed: stdout.trimEnd() };
}
