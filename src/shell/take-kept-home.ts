/** Brings what a sandbox wrote for keeps into the project after its machine is gone, from where its provider kept it. */
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { pathExists } from '#platform/files.ts';
import type { KeptFile, KeptOutputs } from '#sandbox/backend.ts';
import { outputsOf } from '#sandbox/common-options.ts';
import type { TakeHome } from '#sandbox/kept-outputs.ts';
import { Arrivals, checkName, localTarget } from './local-target.ts';
import { MOST_BYTES } from './outputs.ts';

/** To the same place as `createBringHome`: a folder of the project for each sandbox. What is there by the same name is replaced. */
export function createTakeHome({ projectDir }: { readonly projectDir: string }): TakeHome {
  return async ({ kept, sandbox, onlyMissing }, signal) => {
    const { id, projectDir: itsProject, options } = sandbox;
    const { place } = kept;
    const folder = outputsOf(options);
    const isThere = async ({ name }: KeptFile): Promise<boolean> =>
      onlyMissing && pathExists(path.join(projectDir, folder ?? '', id, name));
    const files: KeptFile[] = [];
    for (const file of kept.files) if (!(await isThere(file))) files.push(file);
    if (files.length === 0) return { notes: [], fate: 'discard' };
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const what = `${files.length} files, ${renderBytes(bytes)}`;
    const left = (why: string): string => `${id} wrote ${what}, ${why}: they are in ${place}`;
    // Whoever works there brings them home.
    if (itsProject !== projectDir)
      return { notes: [left(`in the project ${itsProject}`)], fate: 'later' };
    if (folder === undefined) return { notes: [], fate: 'leave' };
    if (bytes > MOST_BYTES)
      return {
        notes: [left(`which is more than ${renderBytes(MOST_BYTES)}`)],
        fate: 'leave',
      };
    try {
      const target = await localTarget(path.join(folder, id), projectDir);
      await fetchAll({ ...kept, files }, target, projectDir, signal);
      const where = path.relative(projectDir, target);
      return { notes: [`brought home: ${where} (${what})`], fate: 'discard' };
    } catch (error) {
      throwIfAborted(signal);
      const isHopeless = isGloveboxError(error, 'path/not-allowed');
      const notes = [left(`not brought home (${messageOf(error)})`)];
      return { notes, fate: isHopeless ? 'leave' : 'later' };
    }
  };
}

async function fetchAll(
  { files, read }: KeptOutputs,
  target: string,
  projectDir: string,
  signal: AbortSignal,
): Promise<void> {
  for (const { name } of files) checkName(name, name);
  const arrivals = await Arrivals.open(target);
  try {
    for (const [index, file] of files.entries())
      await arrivals.append(index, await read(file, signal));
    const arrived = files.map(({ name }, index) => ({ index, name, isExecutable: false }));
    // A link may have come onto the way meanwhile.
    await arrivals.place(arrived, (place) => localTarget(place, projectDir));
  } finally {
    await arrivals.close();
  }
}
