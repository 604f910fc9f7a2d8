/** Checks options against the back end that gets them, and says of each that it does not have which other one does. */
import { isGloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { BackendId } from './backend.ts';
import { checkOptions, refusal, type Mistake, type Names } from './check-options.ts';
import type { BackendRegistry } from './registry.ts';
import { programName } from './spelling.ts';

/** What people know from elsewhere, and what there is instead. By the names of programs. */
const NOWHERE: Readonly<Record<string, string>> = {
  codeServer: 'JupyterLab in the browser edits files; an editor of your own goes behind ports',
  codeServerPort: 'an editor of your own goes behind ports',
  asRoot: 'kernels of a rented machine never run as root; systemPackages and setupCommands do',
  executionMode: 'it is called mode',
};

/** Fields of options, whichever of a list they stand in, that one back end alone has. */
const INSIDE_OF_ONE: readonly (readonly [RegExp, BackendId])[] = [
  [/^repos\[\d+\]\.dockerfile$/, 'modal'],
];

/** @throws `config/invalid`, `backend/unknown`, `backend/unavailable`. */
export async function checkForBackend(
  registry: BackendRegistry,
  id: BackendId,
  raw: unknown,
  names?: Names,
): Promise<JsonObject> {
  const backend = await registry.load(id);
  const checked = checkOptions(backend.optionsSchema, raw, names);
  if (checked.mistakes === undefined) return JSON.parse(JSON.stringify(checked.data));
  const mistakes = await Promise.all(
    checked.mistakes.map((mistake) => explain(registry, id, mistake)),
  );
  const known = Object.keys(backend.optionsSchema.shape);
  throw refusal(id, mistakes, names === 'program' ? known.map(programName) : known);
}

async function explain(
  registry: BackendRegistry,
  id: BackendId,
  mistake: Mistake,
): Promise<Mistake> {
  const { unknown } = mistake;
  const [, able] = INSIDE_OF_ONE.find(([pattern]) => pattern.test(mistake.path)) ?? [id, id];
  if (able !== id) return { ...mistake, message: `the ${id} back end cannot do this; ${able} can` };
  if (unknown === undefined) return mistake;
  const others = registry.ids().filter((other) => other !== id);
  const having = await Promise.all(
    others.map(async (other) => ((await hasOption(registry, other, unknown)) ? [other] : [])),
  );
  const capable = having.flat();
  const why = NOWHERE[programName(unknown)];
  if (capable.length === 0)
    return why === undefined ? mistake : { ...mistake, message: `no back end has this: ${why}` };
  return {
    ...mistake,
    message: `the ${id} back end cannot do this; ${capable.join(', ')} can`,
  };
}

async function hasOption(registry: BackendRegistry, id: BackendId, name: string): Promise<boolean> {
  try {
    const { shape } = (await registry.load(id)).optionsSchema;
    return Object.keys(shape).some((known) => known === name || programName(known) === name);
  } catch (error) {
    if (isGloveboxError(error)) return false;
    throw error;
  }
}
