/** What is worth knowing before a notebook trains on a rented machine, whose disk is lost with it: advice in the answer, never a block. */
import { checkScript, savesTo } from '#policy/script-checks/checks.ts';
import type { ScriptToCheck } from '#policy/script-checks/script.ts';
import { PAID_BACKENDS } from '#sandbox/admission.ts';
import { isRecord } from '#core/json.ts';
import type { ToolContext } from './define-tool.ts';

/** Nearly no cell, so that all others cost nothing. A trainer may have been made in an earlier one. */
const STARTS_TRAINING =
  /\b\w*[Tt]rainer\w*\s*(?:\([^)]*\)\s*)?\.train\s*\(|\boptimizer\.step\s*\(|\baccelerator\.backward\s*\(/;

/** Checks that are about what a Job is sent with. In a sandbox there are files of its own, and what kernels import shows at once. */
const OF_JOBS = new Set(['R9', 'R10']);

/** What helps here, where it is something else than for a Job. */
const FIXES: Readonly<Record<string, string>> = {
  R1: 'push_to_hub=True with hub_model_id, or upload_folder at the end; sandbox_transfer fetches files while the sandbox lives',
  R2: 'push_to_hub=True with hub_model_id, or fetch it with sandbox_transfer before the sandbox ends',
  R3: 'train less, or start a sandbox with a longer limit',
  R5: 'start the sandbox with {"env":"HF_TOKEN","scope":["kernel"]} among its secrets',
};

/** The parts of a session that are looked at. */
export interface TrainingSession {
  readonly record: { readonly sandboxId: string };
  readonly notebook: {
    cells(): readonly { readonly type: string; readonly source: string }[];
  };
}

/** Each is said once in a session, by this process: a model does not read the same twice for nothing. */
const told = new WeakMap<TrainingSession, Set<string>>();

/**
 * Lines for the answer about code that is about to run, or none. Looks at the whole notebook: what one cell makes, another
 * saves. Never rejects.
 */
export async function trainingAdvice(
  session: TrainingSession,
  code: string,
  {
    sandboxes,
  }: { readonly sandboxes: Pick<ToolContext['sandboxes'], 'origin' | 'optionsOf' | 'deadlineMs'> },
): Promise<readonly string[]> {
  if (!STARTS_TRAINING.test(code)) return [];
  try {
    const { sandboxId } = session.record;
    const { backend } = await sandboxes.origin(sandboxId);
    if (!PAID_BACKENDS.has(backend)) return [];
    const options = await sandboxes.optionsOf(sandboxId);
    const deadlineMs = await sandboxes.deadlineMs(sandboxId);
    const cells = session.notebook.cells().filter(({ type }) => type === 'code');
    const source = [...cells.map((cell) => cell.source), code].join('\n');
    const script = scriptOf(source, options, deadlineMs);
    const saves = savesTo(script);
    return unsaid(session, [
      ...checkScript(script)
        .filter((found) => !OF_JOBS.has(found.code))
        .map((found) => `[${found.severity}] ${found.message}; ${FIXES[found.code] ?? found.fix}`),
      ...(saves === undefined ? [] : [saves]),
    ]);
  } catch {
    return [];
  }
}

/** Of the Hub, and where a cell finds it. */
const isToken = (secret: unknown): boolean =>
  isRecord(secret) &&
  Array.isArray(secret['scope']) &&
  secret['scope'].includes('kernel') &&
  (secret['env'] === 'HF_TOKEN' || secret['as'] === 'HF_TOKEN' || 'provider' in secret);

function scriptOf(
  source: string,
  options: Readonly<Record<string, unknown>>,
  deadlineMs: number | undefined,
): ScriptToCheck {
  const { gpu, flavor, secrets, volumes, env } = options;
  return {
    source,
    timeLimitS:
      deadlineMs === undefined ? Number.MAX_SAFE_INTEGER : (deadlineMs - Date.now()) / 1000,
    isDefaultLimit: false,
    hasGpu: typeof flavor === 'string' ? !flavor.startsWith('cpu') : gpu !== undefined,
    dependencies: [],
    image: undefined,
    getsHubToken:
      (Array.isArray(secrets) && secrets.some(isToken)) ||
      (isRecord(env) && 'HF_TOKEN' in env) ||
      /\blogin\s*\(|\btoken\s*=/.test(source),
    hasLastingVolume:
      Array.isArray(volumes) &&
      volumes.some((volume) => isRecord(volume) && volume['read_only'] !== true),
  };
}

function unsaid(session: TrainingSession, lines: readonly string[]): readonly string[] {
  const before = told.get(session) ?? new Set();
  told.set(session, before);
  const fresh = lines.filter((line) => !before.has(line));
  for (const line of fresh) before.add(line);
  return fresh.length === 0
    ? []
    : ['Before it trains on a rented machine, whose disk is lost with it:', ...fresh];
}
