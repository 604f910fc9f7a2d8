/** A repository on the fake Hub that keeps what is done to it: files, commits, refs, discussions, settings. */
import { createHash } from 'node:crypto';
import { isRecord } from '#core/json.ts';
import { rangeOf } from './fake-dataset.ts';
import type { FakeAnswer, FakeRequest } from './fake-service.ts';
import type { FakeServices } from './fake-services.ts';

export interface FakeRepoOptions {
  readonly type: 'model' | 'dataset' | 'space';
  readonly id: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Files of at least so many bytes are kept in the storage behind the Hub. */
  readonly lfsBytes?: number;
  readonly isPrivate?: boolean;
  readonly discussions?: readonly Readonly<Record<string, unknown>>[];
  /** Discussions on one page. */
  readonly pageSize?: number;
}

interface Stored {
  readonly bytes: Buffer;
  readonly isLfs: boolean;
}

export interface FakeRepo {
  readonly files: ReadonlyMap<string, Stored>;
  readonly branches: Map<string, string>;
  readonly tags: Map<string, string>;
  /** Bodies of requests that changed something, by address. */
  readonly changes: readonly { readonly what: string; readonly body: unknown }[];
  head: string;
  settings: { private: boolean; gated: unknown };
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const shaOf = (text: string): string => createHash('sha1').update(text).digest('hex');
/** As git names a file. */
const blobOf = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
const refused = (status: number, code: string, error: string): FakeAnswer => ({
  status,
  json: { error },
  headers: { 'x-error-code': code, 'x-error-message': error },
});

export function addRepo(services: FakeServices, options: FakeRepoOptions): FakeRepo {
  const { type, id, lfsBytes = Number.POSITIVE_INFINITY, pageSize = 10 } = options;
  const { hub, mirror } = services;
  const files = new Map<string, Stored>();
  const put = (path: string, bytes: Buffer): void => {
    files.set(path, { bytes, isLfs: bytes.length >= lfsBytes });
  };
  for (const [path, content] of Object.entries(options.files)) put(path, Buffer.from(content));
  const changes: { what: string; body: unknown }[] = [];
  const repo: FakeRepo = {
    files,
    branches: new Map(),
    tags: new Map(),
    changes,
    head: shaOf('first'),
    settings: { private: options.isPrivate ?? false, gated: false },
  };
  const uploaded = new Map<string, Buffer>();
  const api = `\\/api\\/${type}s\\/${escaped(id)}`;
  const site = `\\/${type === 'model' ? '' : `${type}s\\/`}${escaped(id)}`;
  const note = ({ method, path, body }: FakeRequest): Record<string, unknown> => {
    const text = body.toString('utf8');
    const parsed: unknown = text === '' ? {} : JSON.parse(text);
    changes.push({ what: `${method} ${path}`, body: parsed });
    return isRecord(parsed) ? parsed : {};
  };
  const knownRevision = (revision: string): boolean =>
    ['main', repo.head].includes(revision) ||
    repo.branches.has(revision) ||
    /^refs\/pr\/\d+$/.test(revision);

  const about = (revision = 'main'): FakeAnswer =>
    knownRevision(revision)
      ? { json: { id, sha: repo.head, ...repo.settings } }
      : refused(404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
  hub.on('GET', new RegExp(api), () => about());
  hub.on('GET', new RegExp(`${api}\\/revision\\/([^/]+)`), ({ match }) => about(match[0]));

  const entriesOf = (folder: string, recursive: boolean): readonly Record<string, unknown>[] => {
    const prefix = folder === '' ? '' : `${folder}/`;
    const folders = new Set<string>();
    const found: Record<string, unknown>[] = [];
    for (const [path, { bytes, isLfs }] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!path.startsWith(prefix)) continue;
      const parts = path.slice(prefix.length).split('/');
      const depth = recursive ? parts.length - 1 : Math.min(1, parts.length - 1);
      for (let at = 1; at <= depth; at += 1) folders.add(prefix + parts.slice(0, at).join('/'));
      if (parts.length > 1 && !recursive) continue;
      found.push({
        type: 'file',
        path,
        oid: blobOf(bytes),
        size: bytes.length,
        ...(isLfs && { lfs: { oid: hashOf(bytes), size: bytes.length, pointerSize: 130 } }),
      });
    }
    return [
      ...[...folders].map((path) => ({ type: 'directory', path, oid: shaOf(path), size: 0 })),
      ...found,
    ];
  };
  hub.on(
    'GET',
    new RegExp(`${api}\\/tree\\/([^/]+)(?:\\/(.+))?`),
    ({ match, query, path, origin }) => {
      const [revision = '', folder = ''] = match;
      if (!knownRevision(revision)) return refused(404, 'RevisionNotFound', 'Invalid rev id');
      const all = entriesOf(folder, query.get('recursive') === 'true');
      if (all.length === 0 && folder !== '') return refused(404, 'EntryNotFound', 'not found');
      const start = Number(query.get('cursor') ?? 0);
      const limit = Number(query.get('limit') ?? 1000);
      const next = start + limit;
      const more = new URLSearchParams([...query].filter(([name]) => name !== 'cursor'));
      more.set('cursor', String(next));
      return {
        json: all.slice(start, next),
        ...(next < all.length && {
          headers: { link: `<${origin}${path}?${more.toString()}>; rel="next"` },
        }),
      };
    },
  );
  hub.on('POST', new RegExp(`${api}\\/paths-info\\/([^/]+)`), ({ body }) => {
    const asked: unknown = JSON.parse(body.toString('utf8'));
    const wanted: readonly unknown[] =
      isRecord(asked) && Array.isArray(asked['paths']) ? asked['paths'] : [];
    return { json: entriesOf('', true).filter(({ path }) => wanted.includes(path)) };
  });
  hub.on('GET', new RegExp(`${site}\\/resolve\\/([^/]+)\\/(.+)`), (request) => {
    const [, path = ''] = request.match;
    const found = files.get(path);
    if (found === undefined) return refused(404, 'EntryNotFound', 'Entry not found');
    if (!found.isLfs) return rangeOf(found.bytes, request);
    return { status: 302, headers: { location: `${mirror.url}/store/${hashOf(found.bytes)}` } };
  });
  mirror.on('GET', /\/store\/(\w+)/, (request) => {
    const found = [...files.values()].find(({ bytes }) => hashOf(bytes) === request.match[0]);
    return found === undefined ? { status: 404 } : rangeOf(found.bytes, request);
  });

  hub.on('POST', new RegExp(`${api}\\/preupload\\/([^/]+)`), ({ body }) => {
    const asked: unknown = JSON.parse(body.toString('utf8'));
    const given: readonly unknown[] =
      isRecord(asked) && Array.isArray(asked['files']) ? asked['files'] : [];
    return {
      json: {
        files: given.filter(isRecord).map(({ path, size }) => ({
          path,
          uploadMode: Number(size) >= lfsBytes ? 'lfs' : 'regular',
        })),
      },
    };
  });
  hub.on('POST', new RegExp(`${site}\\.git\\/info\\/lfs\\/objects\\/batch`), ({ body }) => {
    const asked: unknown = JSON.parse(body.toString('utf8'));
    const objects: readonly unknown[] =
      isRecord(asked) && Array.isArray(asked['objects']) ? asked['objects'] : [];
    return {
      json: {
        transfer: 'basic',
        objects: objects.filter(isRecord).map(({ oid, size }) => ({
          oid,
          size,
          actions: { upload: { href: `${mirror.url}/put/${String(oid)}?signature=x` } },
        })),
      },
    };
  });
  mirror.on('PUT', /\/put\/(\w+)/, ({ match, body }) => {
    uploaded.set(match[0] ?? '', body);
    return {};
  });
  hub.on(
    'POST',
    new RegExp(`${api}\\/commit\\/([^/]+)`),
    ({ body, query, match, method, path, origin }) => {
      const lines = body
        .toString('utf8')
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
      changes.push({ what: `${method} ${path}`, body: lines });
      for (const line of lines) {
        const { key, value } = isRecord(line) ? line : {};
        if (!isRecord(value)) continue;
        const file = String(value['path']);
        if (
          key === 'header' &&
          value['parentCommit'] !== undefined &&
          value['parentCommit'] !== repo.head
        )
          return refused(412, '', 'A commit has happened since. Please refresh and try again.');
        if (key === 'file') put(file, Buffer.from(String(value['content']), 'base64'));
        if (key === 'lfsFile') put(file, uploaded.get(String(value['oid'])) ?? Buffer.alloc(0));
        if (key === 'deletedFile') files.delete(file);
      }
      repo.head = shaOf(`${repo.head}${match[0]}`);
      return {
        json: {
          success: true,
          commitOid: repo.head,
          commitUrl: `${origin}/${id}/commit/${repo.head}`,
          hookOutput: '',
          ...(query.get('create_pr') === '1' && {
            pullRequestUrl: `${origin}/${id}/discussions/7`,
          }),
        },
      };
    },
  );

  hub.on('GET', new RegExp(`${api}\\/refs`), () => ({
    json: {
      branches: [['main', repo.head] as const, ...repo.branches].map(([name, targetCommit]) => ({
        name,
        ref: `refs/heads/${name}`,
        targetCommit,
      })),
      converts: [{ name: 'parquet', ref: 'refs/convert/parquet', targetCommit: shaOf('c') }],
      tags: [...repo.tags].map(([name, targetCommit]) => ({
        name,
        ref: `refs/tags/${name}`,
        targetCommit,
      })),
      pullRequests: [{ name: '1', ref: 'refs/pr/1', targetCommit: shaOf('pr') }],
    },
  }));
  hub.on('POST', new RegExp(`${api}\\/branch\\/([^/]+)`), (request) => {
    const [branch = ''] = request.match;
    if (repo.branches.has(branch)) return refused(409, '', 'Reference already exists');
    repo.branches.set(branch, String(note(request)['startingPoint']));
    return {};
  });
  hub.on('DELETE', new RegExp(`${api}\\/branch\\/([^/]+)`), (request) => {
    note(request);
    return { status: repo.branches.delete(request.match[0] ?? '') ? 200 : 404 };
  });
  hub.on('POST', new RegExp(`${api}\\/tag\\/([^/]+)`), (request) => {
    const tag = String(note(request)['tag']);
    if (repo.tags.has(tag)) return refused(409, '', 'Tag already exists');
    repo.tags.set(tag, request.match[0] ?? '');
    return {};
  });
  hub.on('DELETE', new RegExp(`${api}\\/tag\\/([^/]+)`), (request) => {
    note(request);
    return { status: repo.tags.delete(request.match[0] ?? '') ? 200 : 404 };
  });

  const discussions = [...(options.discussions ?? [])];
  hub.on('GET', new RegExp(`${api}\\/discussions`), ({ query }) => {
    const wanted = discussions.filter(
      ({ status, isPullRequest }) =>
        (query.get('status') === 'all' || status === query.get('status')) &&
        (query.get('type') === 'all' || (query.get('type') === 'pull_request') === isPullRequest),
    );
    const start = Number(query.get('p')) * pageSize;
    return {
      json: { discussions: wanted.slice(start, start + pageSize), count: wanted.length, start },
    };
  });
  hub.on('GET', new RegExp(`${api}\\/discussions\\/(\\d+)`), ({ match }) => {
    const found = discussions.find(({ num }) => num === Number(match[0]));
    return found === undefined ? { status: 404, json: { error: 'not found' } } : { json: found };
  });
  hub.on('POST', new RegExp(`${api}\\/discussions`), (request) => {
    note(request);
    return { json: { num: 42 } };
  });
  hub.on(
    'POST',
    new RegExp(`${api}\\/discussions\\/(\\d+)\\/(merge|status|comment)`),
    (request) => {
      note(request);
      return { json: {} };
    },
  );
  hub.on('PUT', new RegExp(`${api}\\/settings`), (request) => {
    const { visibility, gated } = note(request);
    if (visibility !== undefined) repo.settings.private = visibility === 'private';
    if (gated !== undefined) repo.settings.gated = gated;
    return { json: repo.settings };
  });
  return repo;
}

/** Whose token it is; without one, the Hub does not say. */
export function addAccount(
  services: FakeServices,
  name: string,
  orgs: readonly string[] = [],
): void {
  services.hub.on('GET', /\/api\/whoami-v2/, ({ headers }) =>
    headers.authorization === undefined
      ? { status: 401, json: { error: 'Invalid username or password.' } }
      : { json: { type: 'user', name, isPro: false, orgs: orgs.map((org) => ({ name: org })) } },
  );
}

/** Repositories can be made, and those that nobody made are not there. */
export function allowNewRepos(services: FakeServices): ReadonlyMap<string, FakeRepo> {
  const made = new Map<string, FakeRepo>();
  services.hub.on('GET', /\/api\/datasets\/[^/]+\/[^/]+/, () =>
    refused(404, 'RepoNotFound', 'Repository not found'),
  );
  services.hub.on('POST', /\/api\/repos\/create/, ({ body }) => {
    const asked: unknown = JSON.parse(body.toString('utf8'));
    if (!isRecord(asked)) return { status: 400 };
    const id = `${String(asked['organization'])}/${String(asked['name'])}`;
    if (made.has(id)) return { status: 409, json: { error: 'You already created this repo' } };
    const options: FakeRepoOptions = {
      type: 'dataset',
      id,
      files: { '.gitattributes': '*.parquet lfs' },
      isPrivate: asked['private'] === true,
    };
    made.set(id, addRepo(services, options));
    return { json: { url: `${services.hub.url}/datasets/${id}`, id } };
  });
  return made;
}
