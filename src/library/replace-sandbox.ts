/** Replaces a sandbox for a program. */
import type { SandboxView } from '#sandbox/sandboxes.ts';
import type { Call } from './call.ts';
import type { ReplaceOptions } from './contract.ts';

/** @throws as `Sandbox.replace`. */
export async function replaceSandbox(
  id: string,
  { maxCostUsd, withoutFiles }: ReplaceOptions,
  { engine, wait }: Call,
): Promise<{ readonly replaced: SandboxView; readonly notes: readonly string[] }> {
  const { replacements, host } = engine;
  const plan = await replacements.plan({ sandboxId: id, maxCostUsd }, wait.signal);
  const { admit } = engine.requestTerms(wait);
  const onRecord = (made: string): void => host.created(made);
  const { sandbox, notes } = await replacements.replace(
    plan,
    { admit, withoutFiles, onRecord },
    wait,
  );
  return { replaced: sandbox, notes };
}
