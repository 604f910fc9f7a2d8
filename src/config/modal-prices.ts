/** The prices at Modal that the user sets, for programs that must start at once: what `config.get('modal.prices')` says, without the table. */
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import { wordsOfList } from '#core/words.ts';
import { readTextIfExists } from '#platform/files.ts';
import { variable, type Environment } from './environment.ts';
import { CONFIG_FILE } from './project.ts';

/** The row of the table has its name and its form from here, so that a hook and the server read the same. */
export const MODAL_PRICES = {
  env: 'GLOVEBOX_MODAL_PRICES',
  form: /^[A-Za-z0-9!+-]{1,40}=\d{1,4}(\.\d{1,6})?$/,
} as const;

/**
 * The variable, else `prices` below `[modal]` in the file of the user; that of a project may come from somebody else. None as soon as
 * one of them is not valid: the server refuses to start anything by such prices. Never rejects.
 *
 * @param dir Glovebox's own folder
 */
export async function readModalPrices(env: Environment, dir: string): Promise<readonly string[]> {
  const text = variable(env, MODAL_PRICES.env);
  const prices =
    text === undefined ? await pricesInFile(path.join(dir, CONFIG_FILE)) : wordsOfList(text);
  return prices.every((price) => MODAL_PRICES.form.test(price)) ? prices : [];
}

async function pricesInFile(file: string): Promise<readonly string[]> {
  try {
    const text = await readTextIfExists(file);
    // Most files name none, and then the parser is not worth its time.
    if (text === undefined || !text.includes('prices')) return [];
    const { parse } = await import('smol-toml');
    const { modal } = parse(text);
    const prices: unknown = isRecord(modal) ? modal['prices'] : undefined;
    if (!Array.isArray(prices)) return [];
    return prices.map(String);
  } catch {
    return [];
  }
}
