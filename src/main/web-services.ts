/** Wires the way to remote services: which addresses are ours, and which secret belongs to which of them. */
import path from 'node:path';
import type { Config, Origin } from '#config/config.ts';
import type { OptionKey } from '#config/options.ts';
import { GloveboxError } from '#core/errors.ts';
import { VERSION } from '#core/version.ts';
import type { GithubContext } from '#github/context.ts';
import type { HubContext, HubHosts } from '#hub/context.ts';
import type { Clock } from '#platform/clock.ts';
import { readTextIfExists } from '#platform/files.ts';
import { createWebClient } from '#platform/web/client.ts';
import type { Credential, CredentialRule } from '#platform/web/contract.ts';
import { createDiskCache } from '#platform/web/disk-cache.ts';
import { createPacer, type Pacer } from '#platform/web/turns.ts';
import { createUrlPolicy } from '#platform/web/url-policy.ts';

/** Options that may hold a token of the Hub. */
type HubTokenOption = 'hub.token' | 'transcripts.token';

const MIB = 1024 * 1024;
const CACHE_BYTES = 200 * MIB;
/** The rate of a new key, and of good manners without one. */
const SCHOLAR_INTERVAL_MS = 1000;
const MAX_TURN_MS = 10_000;

const PUBLIC_HUB = 'https://huggingface.co';
const PUBLIC_DATASETS_SERVER = 'https://datasets-server.huggingface.co';

export interface WebServices {
  readonly hub: HubContext;
  readonly github: GithubContext;
}

export interface WebServiceOptions {
  /** Whose token goes to the Hub, when it is set: for work that the user gave a token of its own. Default `hub.token`. */
  readonly hubTokenOption?: HubTokenOption;
  /** The clock of waits between requests; the same by default. */
  readonly waitClock?: Clock;
}

/** Reads nothing and asks nobody until the first request. */
export function createWebServices(
  config: Config,
  clock: Clock,
  { hubTokenOption = 'hub.token', waitClock = clock }: WebServiceOptions = {},
): WebServices {
  const hosts = (): HubHosts => ({
    hub: config.get('hub.endpoint'),
    datasetsServer: config.get('hub.datasets_server') ?? PUBLIC_DATASETS_SERVER,
    semanticScholar: config.get('papers.semantic_scholar'),
    arxiv: config.get('papers.arxiv'),
    ar5iv: config.get('papers.ar5iv'),
    gradio: config.get('docs.gradio'),
  });
  const githubHosts = () => ({ api: config.get('github.endpoint'), raw: config.get('github.raw') });
  const web = createWebClient({
    clock,
    policy: createUrlPolicy(() => trustedOrigins(config)),
    credentialFor: credentialRule(config, hubTokenOption),
    cache: createDiskCache({ dir: webCacheDir(config), clock, maxBytes: CACHE_BYTES }),
    userAgent: `glovebox/${VERSION}`,
    proxy: () => config.get('network.proxy')?.reveal(),
  });
  const pacer = createPacer(clock, SCHOLAR_INTERVAL_MS);
  const now = (): number => clock.now();
  return {
    hub: { web, hosts, now, clock: waitClock, scholarTurn: scholarTurn(pacer) },
    github: { web, hosts: githubHosts, now },
  };
}

/** Nobody is made to sleep for long: a queue of that length is told of. */
const scholarTurn =
  (pacer: Pacer) =>
  (signal?: AbortSignal): Promise<void> => {
    const waitMs = pacer.waitMs();
    if (waitMs <= MAX_TURN_MS) return pacer.turn(signal);
    throw new GloveboxError(
      'remote/rate-limited',
      `${Math.round(waitMs / 1000)} requests to Semantic Scholar wait for their turn, one a second.`,
      { hint: 'call again in a few seconds, with fewer calls side by side.' },
    );
  };

export const webCacheDir = (config: Config): string =>
  path.join(config.getOrDefault('dir'), 'cache', 'web');

const HOST_OPTIONS = [
  'hub.endpoint',
  'hub.datasets_server',
  'papers.semantic_scholar',
  'papers.arxiv',
  'papers.ar5iv',
  'docs.gradio',
  'github.endpoint',
  'github.raw',
] as const satisfies readonly OptionKey[];

/** What the user configured may be in a private network; a bad value fails whoever needs that service, and nobody here. */
function trustedOrigins(config: Config): string[] {
  const named = HOST_OPTIONS.map((key) => config.getOrDefault(key));
  return [...named, ...config.getOrDefault('network.mirrors')].flatMap((url) =>
    url === undefined ? [] : [new URL(url).origin],
  );
}

/**
 * Which secret goes where, and nowhere else:
 * - the Hub token to the origin of `HF_ENDPOINT`, and to that of the dataset viewer when both are the public ones or the viewer
 *   was named by the user;
 * - the GitHub token to the origin of GitHub's API;
 * - the key of Semantic Scholar to its origin.
 */
export function credentialRule(
  config: Config,
  hubTokenOption: HubTokenOption = 'hub.token',
): CredentialRule {
  return async (url) => {
    const hub = config.get('hub.endpoint');
    const viewer =
      config.get('hub.datasets_server') ??
      (new URL(hub).origin === PUBLIC_HUB ? PUBLIC_DATASETS_SERVER : undefined);
    if (sameOrigin(url, hub) || (viewer !== undefined && sameOrigin(url, viewer)))
      return hubToken(config, hubTokenOption);
    if (sameOrigin(url, config.get('github.endpoint')))
      return secretOf(config, 'github.token', 'authorization', 'Bearer ');
    if (sameOrigin(url, config.get('papers.semantic_scholar')))
      return secretOf(config, 'papers.semantic_scholar_key', 'x-api-key', '');
    return undefined;
  };
}

const sameOrigin = (url: URL, base: string): boolean => url.origin === new URL(base).origin;

export async function hubToken(
  config: Config,
  option: HubTokenOption = 'hub.token',
): Promise<Credential | undefined> {
  const configured =
    secretOf(config, option, 'authorization', 'Bearer ') ??
    secretOf(config, 'hub.token', 'authorization', 'Bearer ');
  if (configured !== undefined) return configured;
  const file = config.get('hub.token_file') ?? path.join(config.get('hub.home'), 'token');
  const text = await readTextIfExists(file).catch(() => undefined);
  return credential(text, 'authorization', 'Bearer ', `the file ${file}`);
}

export function secretOf(
  config: Config,
  key: HubTokenOption | 'jobs.token' | 'github.token' | 'papers.semantic_scholar_key',
  header: string,
  prefix: string,
): Credential | undefined {
  return credential(config.get(key)?.reveal(), header, prefix, sourceOf(config, key));
}

/** Line ends come along when a token is copied; whatever else cannot stand in a header is no token. */
function credential(
  text: string | undefined,
  header: string,
  prefix: string,
  source: string,
): Credential | undefined {
  const value = text?.replaceAll(/[\r\n]/g, '').trim() ?? '';
  if (value === '' || value.startsWith('${') || !/^[\x21-\x7E]+$/.test(value)) return undefined;
  return { header, value: `${prefix}${value}`, source };
}

function sourceOf(config: Config, key: OptionKey): string {
  const origin: Origin = config.explain().find((each) => each.key === key)?.origin ?? 'default';
  if (origin === 'default') return 'the default';
  if ('env' in origin) return origin.env;
  return 'flag' in origin ? origin.flag : `${key} in ${origin.file}`;
}
