/** Spaces of the fake Hub: they can be made, and have mounts, variables and buckets (`fake-buckets.ts`). A body that the service would not take is refused. */
import { onTestFinished } from 'vitest';
import * as z from 'zod';
import { addBuckets } from './fake-buckets.ts';
import { addRepo, type FakeRepo } from './fake-repo.ts';
import { TEST_TOKENS, type FakeServices } from './fake-services.ts';

const newRepo = z.strictObject({
  type: z.literal('space'),
  name: z.string(),
  organization: z.string(),
  private: z.boolean(),
  sdk: z.literal('gradio'),
});
const mounts = z.strictObject({
  volumes: z.array(z.looseObject({ type: z.string(), source: z.string(), mountPath: z.string() })),
});
const setting = z.strictObject({ key: z.string(), value: z.string() });

export interface FakeSpaces {
  readonly repos: Map<string, FakeRepo>;
  /** By Space, as they were written last. */
  readonly mounts: Map<string, readonly z.output<typeof mounts>['volumes'][number][]>;
  readonly variables: Map<string, Record<string, { readonly value: string }>>;
  add(id: string, files: Readonly<Record<string, string>>, isPrivate: boolean): FakeRepo;
}

export function addSpaces(services: FakeServices): FakeSpaces {
  const { hub } = services;
  const buckets = addBuckets(hub, { token: TEST_TOKENS.hub, namespaces: ['me', 'org'] });
  onTestFinished(() => buckets.close());
  const spaces: FakeSpaces = {
    repos: new Map(),
    mounts: new Map(),
    variables: new Map(),
    add(id, files, isPrivate) {
      const repo = addRepo(services, { type: 'space', id, files, isPrivate });
      spaces.repos.set(id, repo);
      return repo;
    },
  };
  hub.on('GET', /\/api\/spaces\/[\w.-]+\/[\w.-]+/, () => ({
    status: 404,
    json: { error: 'Repository not found' },
    headers: { 'x-error-code': 'RepoNotFound' },
  }));
  hub.on('POST', /\/api\/repos\/create/, ({ body }) => {
    const asked = newRepo.parse(JSON.parse(body.toString('utf8')));
    const id = `${asked.organization}/${asked.name}`;
    if (spaces.repos.has(id)) return { status: 409, json: { error: 'You already created this' } };
    spaces.add(id, { '.gitattributes': '' }, asked.private);
    return { json: { url: `${hub.url}/spaces/${id}` } };
  });
  const SPACE = String.raw`\/api\/spaces\/([\w.-]+\/[\w.-]+)`;
  hub.on('GET', new RegExp(`${SPACE}\\/volumes`), ({ match: [id = ''] }) => ({
    json: spaces.mounts.get(id) ?? [],
  }));
  hub.on('PUT', new RegExp(`${SPACE}\\/volumes`), ({ match: [id = ''], body }) => {
    spaces.mounts.set(id, mounts.parse(JSON.parse(body.toString('utf8'))).volumes);
    return { json: {} };
  });
  hub.on('GET', new RegExp(`${SPACE}\\/variables`), ({ match: [id = ''] }) => ({
    json: spaces.variables.get(id) ?? {},
  }));
  hub.on('POST', new RegExp(`${SPACE}\\/variables`), ({ match: [id = ''], body }) => {
    const { key, value } = setting.parse(JSON.parse(body.toString('utf8')));
    spaces.variables.set(id, { ...spaces.variables.get(id), [key]: { value } });
    return { json: {} };
  });
  return spaces;
}
