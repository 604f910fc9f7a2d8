/** Says what a call would do from what lies on this machine, for the tools of which that is the whole story. */
import { isRecord } from '#core/json.ts';
import { type PlannedOperation } from '#policy/contract.ts';
import { isOpen } from '#policy/ledger-lines.ts';
import { normaliseOperation, type NormalCall } from '#policy/normalise.ts';
import { sumOfCosts } from '#policy/cost.ts';
import { fact } from '#policy/prompt.ts';
import { costOfQuote, factsOfQuote } from '#policy/quote-cost.ts';
import { readLedger } from '#policy/spending.ts';
import type { BackendId } from '#sandbox/backend.ts';
import { MAX_SEVERAL } from '#sandbox/names-of-several.ts';
import { givesSecrets } from '#sandbox/secret-scopes.ts';
import type { HookWorld } from './contract.ts';

type Planner = (call: NormalCall, world: HookWorld) => Promise<PlannedOperation | undefined>;

/** Every other tool is free, or its question needs answers that only the server gets. A new one is a row. */
const PLANNERS: Readonly<Record<string, Planner>> = {
  sandbox_create: planSandbox,
  sandbox_stop: planStop,
  hf_jobs: async (call, world) => (await import('./plan-job.ts')).planJob(call, world),
};

/** Undefined: nothing can be said here. */
export async function planLocally(
  call: NormalCall,
  world: HookWorld,
): Promise<PlannedOperation | undefined> {
  const plan = Object.hasOwn(PLANNERS, call.tool) ? PLANNERS[call.tool] : undefined;
  return plan?.(call, world);
}

const BACKENDS: readonly BackendId[] = ['local', 'slurm', 'modal', 'huggingface'];

async function planSandbox(
  call: NormalCall,
  world: HookWorld,
): Promise<PlannedOperation | undefined> {
  const { backend: named = world.defaultBackend, options = {}, dry_run: dryRun } = call.args;
  // What a profile says, or options that are a whole config, is put together by the server, which asks with all of it.
  if (call.args['profile'] !== undefined || hasConfigKeys(options)) return undefined;
  const backend = BACKENDS.find(
    (id) => typeof named === 'string' && id === normaliseOperation(named),
  );
  if (backend === undefined || !isRecord(options)) return undefined;
  const isFree = backend === 'local' || backend === 'slurm';
  const count = isFree ? countOf(call) : countOf(call) - (await countLiving(call, world));
  if (count < 1) return undefined;
  const quote = isFree ? undefined : await world.quoteOf(backend, options);
  const one: PlannedOperation = {
    tool: call.tool,
    operation: '',
    question: `Start ${count === 1 ? 'a' : count} ${isFree ? '' : 'paid '}sandbox${count === 1 ? '' : 'es'} on ${backend}?`,
    facts: [
      ...factsOfQuote(backend, quote),
      ...(quote?.remarks ?? []).map((remark) => fact('note', remark)),
      fact('options', JSON.stringify(options)),
    ],
    binding: {},
    about: {
      backend,
      isDryRun: dryRun === true,
      givesSecrets: givesSecrets(options),
      ...(typeof options['flavor'] === 'string' && { hardware: options['flavor'] }),
    },
    ...(!isFree && { cost: costOfQuote(quote) }),
  };
  if (count === 1) return one;
  const together = Array.from({ length: count }, () => one);
  const cost = sumOfCosts(together.map((each) => each.cost));
  return { ...one, ...(cost !== undefined && { cost }), together };
}

/** The server refuses what is no number of sandboxes. */
const countOf = ({ args: { count } }: NormalCall): number =>
  typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MAX_SEVERAL
    ? count
    : 1;

/** `backend`, or a name in the spelling of programs, such as `gpuCount`. */
const hasConfigKeys = (options: unknown): boolean =>
  isRecord(options) &&
  Object.keys(options).some((key) => /^(?:backend|profile|name)$|[^a-z0-9_]/.test(key));

/** What the same call has started and lives, as far as is known: it goes on with those, and they cost nothing more. */
async function countLiving({ argsHash }: NormalCall, { dir, fateOf }: HookWorld): Promise<number> {
  const entries = await readLedger(dir).catch(() => []);
  const before = entries.filter((entry) => entry.argsHash === argsHash && isOpen(entry));
  const ids = new Set(before.flatMap(({ subject }) => (subject === undefined ? [] : [subject.id])));
  const fates = await Promise.all([...ids].map(fateOf));
  return fates.filter((fate) => fate !== undefined && !fate.hasEnded).length;
}

async function planStop(call: NormalCall, world: HookWorld): Promise<PlannedOperation | undefined> {
  const { sandbox_id: id } = call.args;
  const record = typeof id === 'string' ? await world.readSandbox(id) : undefined;
  // One that is not on record is told of by the server.
  if (typeof id !== 'string' || record === undefined) return undefined;
  const { session, projectDir, backend } = record;
  const isOurs =
    projectDir === world.projectDir && (session === undefined || session === world.sessionId);
  // The server refuses what is not ours without force, so nobody is asked about that.
  if (!isOurs && call.args['force'] !== true) return undefined;
  return {
    tool: call.tool,
    operation: '',
    question: `Stop the sandbox ${id}? All variables in its kernels are lost.`,
    facts: [fact('backend', String(backend)), fact('project', String(projectDir))],
    binding: { id },
    about: { isOurs },
  };
}
