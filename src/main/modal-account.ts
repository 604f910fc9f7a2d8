/** Whose account a rented machine at Modal is billed to, for a hook: from what lies on this machine, asking nobody. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { homeIn, variable, type Environment } from '#config/environment.ts';
import { pluginVariable } from '#config/option.ts';
import { rememberedAccount } from '../sandbox/backends/modal/account.ts';

/** Undefined where nothing tells it. Never rejects. */
export async function modalAccount(env: Environment, dir: string): Promise<string | undefined> {
  const named = variable(env, 'MODAL_TOKEN_ID') ?? variable(env, pluginVariable('modal_token_id'));
  if (named !== undefined) return rememberedAccount(dir, named);
  const file = variable(env, 'MODAL_CONFIG_PATH') ?? path.join(homeIn(env), '.modal.toml');
  const text = await readFile(file, 'utf8').catch(() => '');
  const profile = activeProfile(text, variable(env, 'MODAL_PROFILE'));
  if (profile === undefined) return undefined;
  const { name, tokenId } = profile;
  const known = tokenId === undefined ? undefined : await rememberedAccount(dir, tokenId);
  return known ?? `that of the profile ${name} in ${file}`;
}

interface Profile {
  readonly name: string;
  readonly tokenId: string | undefined;
}

/** As Modal's own programs choose: the one that is named, the one marked active, `default`. No more of TOML than they write. */
function activeProfile(text: string, wanted: string | undefined): Profile | undefined {
  const sections = text.split(/^\s*\[/m).slice(1);
  const profiles = sections.map((section) => {
    const [name = ''] = section.split(']', 1);
    const tokenId = /^\s*token_id\s*=\s*["']([^"'\n]+)["']/m.exec(section)?.[1];
    const isActive = /^\s*active\s*=\s*true\b/m.test(section);
    return { name: name.trim().replaceAll(/^["']|["']$/g, ''), tokenId, isActive };
  });
  if (wanted !== undefined) return profiles.find(({ name }) => name === wanted);
  return (
    profiles.find(({ isActive }) => isActive) ?? profiles.find(({ name }) => name === 'default')
  );
}
