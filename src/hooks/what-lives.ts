/** What the files of this machine tell a new conversation: notebooks that are still open, commands of the plugin, old names in use. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import type { HookWorld } from './contract.ts';

const MAX_RECORDS = 300;
const SHOWN = 5;

/** Sessions of this project that nobody ended, newest first. Whether their kernels live is for list_sessions, which asks. */
export async function sessionLines({ dir, projectDir }: HookWorld): Promise<readonly string[]> {
  const folder = path.join(dir, 'sessions');
  const files = (await namesIn(folder, '.json')).map((name) => path.join(folder, name));
  const records = await Promise.all((await newestOf(files)).map(readRecord));
  const open = records
    .flatMap((record) => (record === undefined ? [] : [record]))
    .filter((record) => record['projectDir'] === projectDir && record['endedMs'] === undefined)
    .filter((record) => record['scratch'] !== true && record['helper'] !== true)
    .toSorted((a, b) => Number(b['createdMs']) - Number(a['createdMs']));
  if (open.length === 0) return [];
  const lines = open.slice(0, SHOWN).map((record) => {
    const { id, notebookPath } = record;
    return `- ${path.relative(projectDir, String(notebookPath))} (session_id ${String(id)})`;
  });
  const more = open.length - lines.length;
  return [
    'Notebooks left open in this project; list_sessions tells what lives and which runs finished meanwhile:',
    ...lines,
    ...(more > 0 ? [`(and ${more} more)`] : []),
  ];
}

/** The commands as a person types them, read from the plugin itself. */
export async function commandLines({ env }: HookWorld): Promise<readonly string[]> {
  const root = env['CLAUDE_PLUGIN_ROOT'];
  if (root === undefined) return [];
  const names = await namesIn(path.join(root, 'commands'), '.md');
  const words = names.map((name) => `/glovebox:${name.slice(0, -'.md'.length)}`);
  return words.length === 0 ? [] : [`Commands for the user: ${words.join(', ')}.`];
}

/** Names from before that are set. */
export function oldNameLines({ env }: HookWorld): readonly string[] {
  const old = Object.keys(env)
    .filter((name) => /^(ML_INTERN|JLAB_MCP)_/.test(name) && env[name]?.trim() !== '')
    .toSorted();
  return old.length === 0
    ? []
    : [
        `Old variable names in use: ${old.slice(0, 8).join(', ')}; glovebox doctor tells the new ones.`,
      ];
}

const namesIn = (folder: string, ending: string): Promise<readonly string[]> =>
  readdir(folder).then(
    (names) => names.filter((name) => name.endsWith(ending)).toSorted(),
    () => [],
  );

/** Nobody removes records of sessions that are over; what is open was changed last. */
async function newestOf(files: readonly string[]): Promise<readonly string[]> {
  if (files.length <= MAX_RECORDS) return files;
  const dated = await Promise.all(
    files.map(async (file) => ({
      file,
      ms: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  return dated
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, MAX_RECORDS)
    .map(({ file }) => file);
}

async function readRecord(file: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
