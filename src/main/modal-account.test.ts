import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rememberAccount } from '../sandbox/backends/modal/account.ts';
import { modalAccount } from './modal-account.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'glovebox-modal-account-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const PROFILES = `[work]
token_id = "ak-work"
token_secret = "as-work"

[home]
token_id = 'ak-home'
active = true
`;

it('3.3: the account that pays is named from what lies on this machine', async () => {
  const file = path.join(home, '.modal.toml');
  const of = (env: Record<string, string> = {}) => modalAccount({ HOME: home, ...env }, home);
  expect(await of()).toBeUndefined();
  writeFileSync(file, PROFILES);
  expect(await of()).toBe(`that of the profile home in ${file}`);
  expect(await of({ MODAL_PROFILE: 'work' })).toBe(`that of the profile work in ${file}`);
  expect(await of({ MODAL_PROFILE: 'other' })).toBeUndefined();
  await rememberAccount(home, 'ak-home', 'acme-lab');
  expect(await of()).toBe('acme-lab');
  expect(await of({ MODAL_PROFILE: 'work' })).toContain('profile work');
  expect(await of({ MODAL_TOKEN_ID: 'ak-home' })).toBe('acme-lab');
  expect(await of({ CLAUDE_PLUGIN_OPTION_MODAL_TOKEN_ID: 'ak-home' })).toBe('acme-lab');
  // A token that was replaced is another account until somebody has asked.
  expect(await of({ MODAL_TOKEN_ID: 'ak-new' })).toBeUndefined();
});
