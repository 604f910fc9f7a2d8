/** All remote services of the research tools on loopback, each with an origin of its own, and the variables that lead there. */
import { startFakeService, type FakeRequest, type FakeService } from './fake-service.ts';

/** `mirror` is the storage that the Hub redirects to; `foreign` is a host that nothing should ever be sent to with a token. */
const NAMES = [
  'hub',
  'viewer',
  'scholar',
  'arxiv',
  'ar5iv',
  'gradio',
  'github',
  'raw',
  'mirror',
  'foreign',
] as const;
type ServiceName = (typeof NAMES)[number];

/** Which of the services may see which of the secrets. */
export const TEST_TOKENS = {
  hub: 'hf_testTokenOfTheHub0000000000000000',
  github: 'ghp_testTokenOfGitHub000000000000000',
  scholar: 's2-test-key-of-semantic-scholar',
} as const;

const OWNERS: Readonly<Record<string, readonly ServiceName[]>> = {
  [TEST_TOKENS.hub]: ['hub', 'viewer'],
  [TEST_TOKENS.github]: ['github'],
  [TEST_TOKENS.scholar]: ['scholar'],
};

export type FakeServices = Readonly<Record<ServiceName, FakeService>> & {
  /** Points every base address of the product to these services. */
  readonly env: Readonly<Record<string, string>>;
  all(): readonly FakeRequest[];
  /** Requests that carried a secret to a service it does not belong to, in a header, an address or a body. */
  leaks(): readonly string[];
  unexpected(): readonly string[];
  close(): Promise<void>;
};

export const TOKEN_ENV = {
  HF_TOKEN: TEST_TOKENS.hub,
  GITHUB_TOKEN: TEST_TOKENS.github,
  S2_API_KEY: TEST_TOKENS.scholar,
} as const;

export async function startFakeServices(): Promise<FakeServices> {
  const start = (name: ServiceName): Promise<FakeService> => startFakeService(name);
  const services = {
    hub: await start('hub'),
    viewer: await start('viewer'),
    scholar: await start('scholar'),
    arxiv: await start('arxiv'),
    ar5iv: await start('ar5iv'),
    gradio: await start('gradio'),
    github: await start('github'),
    raw: await start('raw'),
    mirror: await start('mirror'),
    foreign: await start('foreign'),
  };
  const list = NAMES.map((name) => services[name]);
  const all = (): readonly FakeRequest[] => list.flatMap(({ requests }) => requests);
  return {
    ...services,
    env: {
      HF_ENDPOINT: services.hub.url,
      GLOVEBOX_DATASETS_SERVER: services.viewer.url,
      GLOVEBOX_SEMANTIC_SCHOLAR: services.scholar.url,
      GLOVEBOX_ARXIV: services.arxiv.url,
      GLOVEBOX_AR5IV: services.ar5iv.url,
      GLOVEBOX_GRADIO: services.gradio.url,
      GLOVEBOX_GITHUB_API: services.github.url,
      GLOVEBOX_GITHUB_RAW: services.raw.url,
      GLOVEBOX_MIRRORS: services.mirror.url,
    },
    all,
    leaks: () => all().flatMap(leaksOf),
    unexpected: () => list.flatMap(({ unexpected }) => unexpected),
    close: async () => {
      await Promise.all(list.map((service) => service.close()));
    },
  };
}

/** A secret belongs into a header of a request to its owner, and nowhere else. */
function leaksOf(request: FakeRequest): string[] {
  const { service, method, path, query, headers, body } = request;
  const inHeaders = JSON.stringify(headers);
  const elsewhere = `${path}?${query.toString()} ${withoutJobSecrets(request, body.toString('latin1'))}`;
  return Object.entries(OWNERS).flatMap(([secret, owners]) => {
    const isOwner = owners.some((owner) => owner === service);
    const isLeaked = elsewhere.includes(secret) || (!isOwner && inHeaders.includes(secret));
    return isLeaked ? [`${secret} to ${service} with ${method} ${path}`] : [];
  });
}

/** The secrets of a Job are meant for the Hub, in their own place of the body. */
function withoutJobSecrets({ service, method, path }: FakeRequest, text: string): string {
  if (service !== 'hub' || method !== 'POST' || !/^\/api\/(scheduled-)?jobs\/[^/]+$/.test(path))
    return text;
  return JSON.stringify(JSON.parse(text), (key: string, value: unknown) =>
    key === 'secrets' ? undefined : value,
  );
}
