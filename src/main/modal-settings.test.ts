import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { readModalPrices } from '#config/modal-prices.ts';
import { modalSettings } from './modal-settings.ts';

async function settings(env: Readonly<Record<string, string>>) {
  const all = { HOME: '/nowhere', GLOVEBOX_PROJECT_DIR: '/', ...env };
  return modalSettings(await loadConfig({ env: all, cwd: '/' }), all);
}

it('gives a sandbox the Hub token that the user gave to Glovebox, wherever that was', async () => {
  const given = await settings({ CLAUDE_PLUGIN_OPTION_HF_TOKEN: 'hf_plugin' });
  expect([given.hubToken, given.variables['HF_TOKEN']]).toEqual(['hf_plugin', 'hf_plugin']);
  const own = await settings({ GLOVEBOX_HF_TOKEN: 'hf_own', HF_TOKEN: 'hf_shared' });
  expect([own.hubToken, own.variables['HF_TOKEN']]).toEqual(['hf_own', 'hf_shared']);
  const none = await settings({});
  expect([none.hubToken, none.variables['HF_TOKEN']]).toEqual([undefined, undefined]);
});

it('reads the prices that the user has set', async () => {
  const { prices } = await settings({ GLOVEBOX_MODAL_PRICES: 'T4=0.59, core=0.1419 gib=0.0242' });
  expect(prices).toEqual(['T4=0.59', 'core=0.1419', 'gib=0.0242']);
  expect((await settings({})).prices).toEqual([]);
  await expect(settings({ GLOVEBOX_MODAL_PRICES: 'T4=cheap' })).rejects.toMatchObject({
    code: 'config/invalid',
  });
});

it.each([
  ['the variable', { GLOVEBOX_MODAL_PRICES: 'T4=0.59, core=0.1419 gib=0.0242' }, undefined, 3],
  ['a list in the file', {}, '[modal]\nprices = ["T4=0.5", "L4=0.9"]\n', 2],
  ['a dotted key', {}, 'modal.prices = ["T4=0.5"]\n', 1],
  ['the variable before the file', { GLOVEBOX_MODAL_PRICES: 'T4=1' }, 'modal.prices = []', 1],
  ['a file without them', {}, 'backend = "modal"\n# prices\n', 0],
  ['no file', {}, undefined, 0],
])('the hook reads the same prices: %s', async (_, env, file, count) => {
  const home = mkdtempSync(path.join(tmpdir(), 'gb-prices-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const dir = path.join(home, '.glovebox');
  mkdirSync(dir);
  if (file !== undefined) writeFileSync(path.join(dir, 'glovebox.toml'), file);
  const { prices } = await settings({ HOME: home, ...env });
  expect(prices).toHaveLength(count);
  expect(await readModalPrices(env, dir)).toEqual(prices);
});

it.each(['T4 = 0.5', 'modal.prices = ["T4=cheap"]', 'modal.prices = "T4=0.5"'])(
  'by prices that are not valid nobody is asked for less than the estimate: %s',
  async (file) => {
    const home = mkdtempSync(path.join(tmpdir(), 'gb-prices-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    writeFileSync(path.join(home, 'glovebox.toml'), file);
    expect(await readModalPrices({}, home)).toEqual([]);
  },
);

it('names a token of Modal only when it is whole; else the SDK looks for one by itself', async () => {
  const half = await settings({ CLAUDE_PLUGIN_OPTION_MODAL_TOKEN_ID: 'ak-1' });
  expect(half.token).toBeUndefined();
  const whole = await settings({
    CLAUDE_PLUGIN_OPTION_MODAL_TOKEN_ID: 'ak-1',
    MODAL_TOKEN_SECRET: 'as-1',
  });
  expect(whole.token).toEqual({ id: 'ak-1', secret: 'as-1' });
});
