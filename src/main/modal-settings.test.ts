import { expect, it } from 'vitest';
import { loadConfig } from '#config/load.ts';
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

it('names a token of Modal only when it is whole; else the SDK looks for one by itself', async () => {
  const half = await settings({ CLAUDE_PLUGIN_OPTION_MODAL_TOKEN_ID: 'ak-1' });
  expect(half.token).toBeUndefined();
  const whole = await settings({
    CLAUDE_PLUGIN_OPTION_MODAL_TOKEN_ID: 'ak-1',
    MODAL_TOKEN_SECRET: 'as-1',
  });
  expect(whole.token).toEqual({ id: 'ak-1', secret: 'as-1' });
});
