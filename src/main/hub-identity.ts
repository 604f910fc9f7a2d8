/** Who the user is on the Hub, for a hook: remembered for ten minutes, else asked within a second, never waited for longer. */
import path from 'node:path';
import { homeIn, variable, type Environment } from '#config/environment.ts';
import { isRecord } from '#core/json.ts';
import type { HubIdentity } from '#hooks/contract.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '#platform/files.ts';
import { sha256 } from '#policy/normalise.ts';
import { identityFile } from '#policy/policy-dir.ts';

const FRESH_MS = 10 * 60_000;
const LIMIT_MS = 1000;
const PUBLIC_HUB = 'https://huggingface.co';

interface Token {
  readonly value: string;
  /** A name, never the value. */
  readonly source: string;
}

/** Never rejects. */
export async function hubIdentity(
  env: Environment,
  dir: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<HubIdentity> {
  const token = await findToken(env);
  if (token === undefined) return { unknown: 'no token' };
  const { source } = token;
  const hub = variable(env, 'HF_ENDPOINT') ?? PUBLIC_HUB;
  const key = sha256(`${hub}\0${token.value}`).slice(0, 16);
  const known = await remembered(dir, key, source, nowMs);
  if (known !== undefined) return known;
  const asked = await ask(hub, token, signal);
  if ('name' in asked) {
    const { name, organisations, role } = asked;
    const content = JSON.stringify({ key, name, organisations, role, at_ms: nowMs });
    await ensurePrivateFolder(path.dirname(identityFile(dir)))
      .then(() => writeFileAtomic(identityFile(dir), content, { durable: false }))
      .catch(() => undefined);
  }
  return asked;
}

const NAMES = [
  'GLOVEBOX_HF_TOKEN',
  'CLAUDE_PLUGIN_OPTION_HF_TOKEN',
  'HF_TOKEN',
  'HUGGING_FACE_HUB_TOKEN',
];

async function findToken(env: Environment): Promise<Token | undefined> {
  for (const name of NAMES) {
    const value = variable(env, name);
    if (value !== undefined && isToken(value)) return { value, source: name };
  }
  const file = hubTokenFile(env);
  const value = (await readTextIfExists(file).catch(() => undefined))?.trim() ?? '';
  return isToken(value) ? { value, source: `the file ${file}` } : undefined;
}

/** Where Hugging Face's own programs keep a token after a login. */
export function hubTokenFile(env: Environment): string {
  const home = variable(env, 'HF_HOME') ?? path.join(homeIn(env), '.cache', 'huggingface');
  return variable(env, 'HF_TOKEN_PATH') ?? path.join(home, 'token');
}

const isToken = (value: string): boolean => /^[\x21-\x7E]+$/.test(value);

async function remembered(
  dir: string,
  key: string,
  source: string,
  nowMs: number,
): Promise<HubIdentity | undefined> {
  try {
    const found: unknown = JSON.parse((await readTextIfExists(identityFile(dir))) ?? '');
    if (!isRecord(found) || found['key'] !== key || typeof found['name'] !== 'string')
      return undefined;
    const { name, organisations, role, at_ms: atMs } = found;
    if (typeof atMs !== 'number' || nowMs - atMs > FRESH_MS) return undefined;
    return { name, organisations: namesIn(organisations), source, ...roleIn(role) };
  } catch {
    return undefined;
  }
}

async function ask(
  hub: string,
  { value, source }: Token,
  signal: AbortSignal,
): Promise<HubIdentity> {
  if (!URL.canParse(hub) || !isSafe(new URL(hub))) return { unknown: 'network', source };
  try {
    const { httpRequest } = await import('#platform/http.ts');
    const { status, text } = await httpRequest({
      method: 'GET',
      url: `${hub.replace(/\/+$/, '')}/api/whoami-v2`,
      headers: { authorization: `Bearer ${value}` },
      timeoutMs: LIMIT_MS,
      maxBytes: 1_000_000,
      signal,
    });
    if (status === 401 || status === 403) return { unknown: 'token rejected', source };
    if (status === 429) return { unknown: 'rate limit', source };
    const answer: unknown = status === 200 ? JSON.parse(text) : undefined;
    if (!isRecord(answer) || typeof answer['name'] !== 'string')
      return { unknown: 'network', source };
    const organisations = Array.isArray(answer['orgs'])
      ? answer['orgs'].map((one: unknown) => (isRecord(one) ? one['name'] : undefined))
      : [];
    const { auth } = answer;
    const token = isRecord(auth) ? auth['accessToken'] : undefined;
    const role = roleIn(isRecord(token) ? token['role'] : undefined);
    return { name: answer['name'], organisations: namesIn(organisations), source, ...role };
  } catch {
    return { unknown: 'network', source };
  }
}

/** A word of the Hub's; it goes before an agent, so nothing else does. */
const roleIn = (role: unknown): { readonly role?: string } =>
  typeof role === 'string' && /^[A-Za-z-]{1,20}$/.test(role) ? { role } : {};

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
/** A token goes over https, or stays on this machine. */
const isSafe = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));

const namesIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((name) => typeof name === 'string').toSorted() : [];
