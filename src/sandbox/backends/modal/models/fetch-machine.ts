/** The machine that fetches weights, what it costs, and which weights it is still needed for. Loads nothing: a hook reads it. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import type { Beforehand } from '#sandbox/beforehand.ts';
import { volumeName } from '#sandbox/models/volume-name.ts';
import type { Rates } from '../rates.ts';

/** A small one: the network is what takes time. */
export const FETCH_MACHINE = { cores: 4, memoryMiB: 8192, limitMs: 2 * 3_600_000 } as const;

const fetchUsdPerHour = ({ core, gib }: Rates): number =>
  FETCH_MACHINE.cores * core.usdPerHour + (FETCH_MACHINE.memoryMiB / 1024) * gib.usdPerHour;

/** What one has cost at most that ran for so long: a minute more than it did, and never more than its limit. */
export const fetchedUsd = (ranMs: number, rates: Rates): number => {
  const minutes = Math.ceil(Math.max(0, ranMs) / 60_000) + 1;
  return (Math.min(minutes, FETCH_MACHINE.limitMs / 60_000) / 60) * fetchUsdPerHour(rates);
};

/** @param count of repositories: each gets a machine of its own. */
export const fetchMachines = (count: number, rates: Rates): Beforehand | undefined =>
  count === 0
    ? undefined
    : {
        purpose: 'to fetch weights',
        count,
        usdPerHour: fetchUsdPerHour(rates),
        limitS: FETCH_MACHINE.limitMs / 1000,
      };

/** Notes of this machine about volumes that it has seen whole, one file each. */
const weightsNotes = (dir: string): string => path.join(dir, 'modal-weights');

export const weightsNote = (dir: string, volume: string, folder: string): string =>
  path.join(weightsNotes(dir), `${volume}--${folder}.json`);

/**
 * How many machines a start would rent to fetch weights, as far as the notes tell without asking the Hub for commits. Of a model whose
 * id is not told here, any note counts: a question with too little is put again, one with too much would refuse what fits.
 *
 * @param models as they were written.
 */
export async function countToFetch(models: unknown, dir: string): Promise<number> {
  const wanted = new Set((Array.isArray(models) ? models : []).flatMap(repositoriesOf));
  if (wanted.size === 0) return 0;
  const notes = await readdir(weightsNotes(dir)).catch(() => []);
  const isThere = (named: string): boolean => {
    const repository = named.split('@')[0] ?? '';
    if (repository.startsWith(UNTOLD)) return notes.length > 0;
    return notes.some((note) => note.startsWith(`${volumeName(repository)}--`));
  };
  return [...wanted].filter((each) => !isThere(each)).length;
}

/** Begins no name of a repository. */
const UNTOLD = '?';

/** `owner/name@revision` of each repository that a model is made of. */
function repositoriesOf(model: unknown): readonly string[] {
  if (!isRecord(model)) return [];
  const { peft, extra_adapters: adapters, hidden } = model;
  const parts: readonly unknown[] = [
    model,
    ...(isRecord(peft) && peft['base'] !== undefined
      ? [{ id: peft['base'], revision: peft['base_revision'] }]
      : []),
    ...(Array.isArray(adapters) ? adapters : []),
  ];
  return parts.filter(isRecord).map(({ id, id_ref: reference, revision = 'main' }) => {
    const name = typeof id === 'string' ? id : String(reference);
    const isTold = typeof id === 'string' && hidden !== true;
    return `${isTold ? '' : UNTOLD}${name}@${String(revision)}`;
  });
}
