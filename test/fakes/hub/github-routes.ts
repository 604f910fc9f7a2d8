/** GitHub on the fakes: an organisation with 400 repositories, one library with examples, one that is too large. */
import type { FakeServices } from './fake-services.ts';

export const COMMIT = 'c0ffee0000000000000000000000000000000001';
const PLENTY = {
  'x-ratelimit-limit': '60',
  'x-ratelimit-remaining': '57',
  'x-ratelimit-reset': '1760003600',
};

const repo = (n: number, more: object = {}) => ({
  id: n,
  full_name: `org/repo-${n}`,
  html_url: `https://github.com/org/repo-${n}`,
  default_branch: 'main',
  description: n % 2 === 0 ? null : `Description ${n}. ${'Much to say. '.repeat(20)}`,
  language: n % 3 === 0 ? 'Rust' : 'Python',
  stargazers_count: n * 10,
  forks_count: n,
  created_at: '2020-05-06T07:08:09Z',
  updated_at: '2026-01-02T03:04:05Z',
  pushed_at: '2026-01-01T00:00:00Z',
  topics: ['a', 'b', 'c', 'd', 'e', 'f'],
  archived: n === 399,
  fork: n === 398,
  ...more,
});
const ALL = Array.from({ length: 400 }, (_, n) => repo(n));

export const NOTEBOOK = JSON.stringify({
  nbformat: 4,
  metadata: { language_info: { name: 'python' } },
  cells: [
    { cell_type: 'markdown', source: ['# Title\n', 'Words.'], metadata: {} },
    {
      cell_type: 'code',
      source: 'print("```")',
      metadata: {},
      outputs: [{ text: 'SECRET OUTPUT' }],
    },
    { cell_type: 'code', source: 'hidden()', metadata: { tags: ['hide'] } },
  ],
});

export const FILES: Readonly<Record<string, string | Buffer>> = {
  'README.md': '# Lib\n\nRead me.\n',
  'trl/trainer/grpo_trainer.py': 'class GRPOTrainer: ...\n',
  'examples/scripts/grpo.py': Array.from({ length: 700 }, (_, n) => `line ${n + 1}`).join('\n'),
  'examples/scripts/sft_vlm.py': 'import trl\n',
  'examples/notebooks/grpo training.ipynb': NOTEBOOK,
  'examples/broken.ipynb': '{"cells": oh no',
  'examples/datasets/pairs.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]),
  'examples/weights.bin':
    'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1234567\n',
  'examples/min.js': `var a=1;${'x=2;'.repeat(20_000)}`,
  'docs/source/quickstart.md': '# Quick\n',
  'tests/examples/test_grpo.py': 'def test(): ...\n',
  'exampleness/not.py': 'no\n',
  'big/large.txt': 'big\n'.repeat(10),
};

export function serveGithub({ github, raw }: FakeServices): void {
  const ok = (json: unknown) => ({ json, headers: PLENTY });
  const missing = {
    status: 404,
    json: { message: 'Not Found', documentation_url: 'x' },
    headers: PLENTY,
  };
  github.on('GET', /\/repos\/([^/]+)\/([^/]+)/, ({ match: [owner = '', name = ''] }) =>
    ['lib', 'huge'].includes(name)
      ? ok(
          repo(1, {
            full_name: `${owner}/${name}`,
            html_url: `https://github.com/${owner}/${name}`,
          }),
        )
      : missing,
  );
  github.on('GET', /\/repos\/[^/]+\/[^/]+\/commits\/(.+)/, ({ match: [ref = ''] }) =>
    ['main', 'HEAD', 'v1.0', 'feature/x'].includes(ref) ? ok({ sha: COMMIT }) : missing,
  );
  github.on('GET', /\/repos\/[^/]+\/lib\/git\/trees\/(\w+)/, () =>
    ok({
      sha: COMMIT,
      truncated: false,
      tree: Object.entries(FILES).map(([path, content]) => ({
        path,
        type: 'blob',
        sha: 'b1',
        size: Buffer.byteLength(content),
      })),
    }),
  );
  github.on('GET', /\/repos\/[^/]+\/huge\/git\/trees\/(\w+)/, ({ match: [sha], query }) => {
    if (sha === 'tree1')
      return ok({
        truncated: false,
        tree: [{ path: 'deep/train.py', type: 'blob', sha: 'b', size: 5 }],
      });
    if (query.has('recursive'))
      return ok({ truncated: true, tree: [{ path: 'a/x.py', type: 'blob', sha: 'b', size: 1 }] });
    return ok({
      truncated: false,
      tree: [
        { path: 'examples', type: 'tree', sha: 'tree1' },
        { path: 'a', type: 'tree', sha: 'tree2' },
      ],
    });
  });
  github.on(
    'GET',
    /\/repos\/[^/]+\/lib\/contents\/?(.*)/,
    ({ match: [path = ''], headers, query }) => {
      if (query.get('ref') !== COMMIT) return missing;
      const content = FILES[path];
      if (content !== undefined) {
        if (headers.accept === 'application/vnd.github.raw+json')
          return { bytes: Buffer.from(content), headers: PLENTY };
        const isBig = path === 'big/large.txt';
        return ok({
          name: path.split('/').at(-1),
          path,
          type: 'file',
          sha: 'b1',
          size: content.length,
          encoding: isBig ? 'none' : 'base64',
          content: isBig
            ? ''
            : Buffer.from(content)
                .toString('base64')
                .replaceAll(/(.{60})/g, '$1\n'),
        });
      }
      const inside = Object.keys(FILES).filter(
        (file) => path === '' || file.startsWith(`${path}/`),
      );
      if (inside.length === 0) return missing;
      const names = [
        ...new Set(
          inside.map((file) => file.slice(path === '' ? 0 : path.length + 1).split('/')[0] ?? ''),
        ),
      ];
      return ok(
        names.map((name) => {
          const full = path === '' ? name : `${path}/${name}`;
          return {
            name,
            path: full,
            type: full in FILES ? 'file' : 'dir',
            size: 12,
            html_url: 'x',
          };
        }),
      );
    },
  );
  github.on('GET', /\/search\/repositories/, ({ query }) => {
    const q = query.get('q') ?? '';
    if (q.includes('nobody'))
      return { status: 422, json: { message: 'Validation Failed' }, headers: PLENTY };
    if (q.startsWith('libb'))
      return ok({ total_count: 1, items: [repo(1, { full_name: 'huggingface/lib' })] });
    const sorted = ALL.filter(
      ({ language }) => !q.includes('Rust') || language === 'Rust',
    ).toSorted((a, b) => b.stargazers_count - a.stargazers_count);
    const page = Number(query.get('page') ?? 1);
    const size = Number(query.get('per_page'));
    return ok({
      total_count: sorted.length,
      incomplete_results: false,
      items: sorted.slice((page - 1) * size, page * size),
    });
  });
  github.on('GET', /\/users\/([^/]+)/, ({ match: [owner] }) =>
    owner === 'org' ? ok({ login: 'org', type: 'Organization', public_repos: 400 }) : missing,
  );
  github.on('GET', /\/(?:orgs|users)\/([^/]+)\/repos/, ({ query }) => {
    const page = Number(query.get('page') ?? 1);
    const size = Number(query.get('per_page'));
    return ok(ALL.slice((page - 1) * size, page * size));
  });
  raw.on('GET', /\/[^/]+\/lib\/([^/]+)\/(.+)/, ({ match: [, path = ''] }) => {
    const content = FILES[path];
    return content === undefined
      ? { status: 404, text: '404: Not Found' }
      : { bytes: Buffer.from(content) };
  });
}
