/** Buckets of the fake Hub: folders of this machine, which Jobs mount. A body that the service would not take is refused. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import type { FakeAnswer, FakeRequest, FakeService } from './fake-service.ts';

/** As the official clients of 2026 write it; what was sent before that, `private`, is not known any more. */
const newBucket = z.strictObject({
  visibility: z.enum(['private', 'public']),
  resourceGroupId: z.string().optional(),
});

export interface FakeBucket {
  readonly id: string;
  readonly folder: string;
  isPrivate: boolean;
}

export interface FakeBuckets {
  readonly buckets: ReadonlyMap<string, FakeBucket>;
  /** The rights of the token: without them none is made. */
  mayMake: boolean;
  add(id: string, isPrivate: boolean): FakeBucket;
  remove(id: string): void;
  close(): void;
}

export interface FakeBucketsOptions {
  readonly token: string;
  readonly namespaces?: readonly string[];
  readonly pageSize?: number;
}

export function addBuckets(hub: FakeService, options: FakeBucketsOptions): FakeBuckets {
  const { token, namespaces = ['me'], pageSize = 2 } = options;
  const buckets = new Map<string, FakeBucket>();
  const fake: FakeBuckets = {
    buckets,
    mayMake: true,
    add(id, isPrivate) {
      const folder = mkdtempSync(path.join(tmpdir(), 'fake-bucket-'));
      const bucket = { id, folder, isPrivate };
      buckets.set(id, bucket);
      return bucket;
    },
    remove(id) {
      const bucket = buckets.get(id);
      buckets.delete(id);
      if (bucket !== undefined) rmSync(bucket.folder, { recursive: true, force: true });
    },
    close: () => [...buckets.keys()].forEach((id) => fake.remove(id)),
  };
  const on = (
    method: string,
    route: string,
    handler: (request: FakeRequest, bucket: FakeBucket | undefined, id: string) => FakeAnswer,
  ): void =>
    hub.on(method, new RegExp(route), (request) => {
      const [id = ''] = request.match;
      if (request.headers.authorization !== `Bearer ${token}`)
        return { status: 401, json: { error: 'Invalid username or password.' } };
      if (!namespaces.includes(id.split('/')[0] ?? ''))
        return { status: 403, json: { error: 'You have no access to this namespace.' } };
      return handler(request, buckets.get(id), id);
    });
  const missing = { status: 404, json: { error: 'Bucket not found' } };
  const BUCKET = String.raw`\/api\/buckets\/([\w.-]+\/[\w.-]+)`;
  on('POST', BUCKET, ({ body }, bucket, id) => {
    const asked = newBucket.safeParse(JSON.parse(body.toString('utf8')));
    if (!asked.success) return { status: 422, json: { error: z.prettifyError(asked.error) } };
    if (!fake.mayMake) return { status: 403, json: { error: 'The token may not write.' } };
    if (bucket !== undefined) return { status: 409, json: { error: 'Bucket already exists' } };
    fake.add(id, asked.data.visibility === 'private');
    return { json: { url: `${hub.url}/buckets/${id}`, id } };
  });
  on('GET', BUCKET, (_request, bucket) =>
    bucket === undefined
      ? missing
      : { json: { id: bucket.id, private: bucket.isPrivate, size: 0, totalFiles: 0 } },
  );
  on('DELETE', BUCKET, (_request, bucket, id) => {
    if (bucket === undefined) return missing;
    fake.remove(id);
    return { json: {} };
  });
  on('GET', `${BUCKET}\\/tree`, ({ query, path: at, origin }, bucket) => {
    if (bucket === undefined) return missing;
    const all = readdirSync(bucket.folder, { recursive: true })
      .map(String)
      .toSorted()
      .map((name) => ({ name, facts: statSync(path.join(bucket.folder, name)) }))
      .map(({ name, facts }) =>
        facts.isDirectory()
          ? { type: 'directory', path: name }
          : { type: 'file', path: name, size: facts.size, xetHash: 'x' },
      )
      .filter(({ path: name }) => query.get('recursive') === 'true' || !name.includes('/'));
    const from = Number(query.get('cursor') ?? 0);
    const next = new URLSearchParams(query);
    next.set('cursor', String(from + pageSize));
    return {
      json: all.slice(from, from + pageSize),
      ...(all.length > from + pageSize && {
        headers: { link: `<${origin}${at}?${next.toString()}>; rel="next"` },
      }),
    };
  });
  on('GET', String.raw`\/buckets\/([\w.-]+\/[\w.-]+)\/resolve\/(.+)`, ({ match }, bucket) => {
    const file = path.join(bucket?.folder ?? '/nowhere', match[1] ?? '');
    return existsSync(file) ? { bytes: readFileSync(file) } : missing;
  });
  return fake;
}
