/** The research tools in the built bundle: what is loaded late is there, and toolsets can be switched off. */
import { expect, it, onTestFinished } from 'vitest';
import { serveDocs } from '../fakes/hub/docs-routes.ts';
import { addDataset, parquetOf, viewerError } from '../fakes/hub/fake-dataset.ts';
import { addAccount, addRepo } from '../fakes/hub/fake-repo.ts';
import { startFakeServices, TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { serveGithub } from '../fakes/hub/github-routes.ts';
import { servePapers } from '../fakes/hub/paper-routes.ts';
import { call } from '../mcp/call.ts';
import { startServer, unpackBundle } from '../rigs/bundle.ts';

it('finds, reads, ranks and converts, and keeps tokens to their hosts', async () => {
  const services = await startFakeServices();
  onTestFinished(() => services.close());
  servePapers(services);
  serveDocs(services);
  serveGithub(services);
  const env = { ...services.env, ...TOKEN_ENV };
  const { client } = await startServer(unpackBundle(), { era: 'legacy', env });
  const ask = async (name: string, args: Record<string, unknown>): Promise<string> =>
    (await call(client, name, args)).text;
  expect(await ask('hf_papers', { operation: 'trending' })).toContain('1. Paper 0');
  expect(await ask('fetch_hf_docs', { url: '/blog/post' })).toContain('Some **bold** text');
  expect(await ask('find_hf_api', { query: 'create repository' })).toContain('/api/repos/create');
  expect(await ask('github_find_examples', { repo: 'org/lib', keyword: 'grpo' })).toContain(
    'grpo.py',
  );
  expect(services.leaks()).toEqual([]);
  expect(services.unexpected()).toEqual([]);
});

it('reads Parquet, and commits through the official client, with what the bundle holds', async () => {
  const services = await startFakeServices();
  onTestFinished(() => services.close());
  const files = { 'data/train.parquet': parquetOf(['hello', 'world']) };
  const viewer = viewerError(501, 'NotSupportedDisabledViewerError');
  addDataset(services, { id: 'org/data', features: {}, rows: [], files, viewer });
  const repo = addRepo(services, {
    type: 'model',
    id: 'me/model',
    files: { 'a.txt': 'a' },
    lfsBytes: 10,
  });
  addAccount(services, 'me');
  const { client } = await startServer(unpackBundle(), {
    era: 'legacy',
    env: { ...services.env, ...TOKEN_ENV },
    prepare: (one) => {
      one.registerCapabilities({ elicitation: { form: {} } });
      one.setRequestHandler('elicitation/create', () => ({
        action: 'accept',
        content: { decision: 'approve' },
      }));
    },
  });
  const seen = await call(client, 'hf_inspect_dataset', { dataset: 'org/data' });
  expect(seen.text).toContain('text: "hello"');
  const upload = { operation: 'upload', repo_id: 'me/model', path: 'b.txt' };
  await call(client, 'hf_repo_files', { ...upload, content: 'large enough for the storage' });
  expect(repo.files.get('b.txt')?.bytes.toString()).toBe('large enough for the storage');
  expect(services.leaks()).toEqual([]);
  expect(services.unexpected()).toEqual([]);
});

it('1, X102: switches toolsets off', async () => {
  const env = { GLOVEBOX_TOOLSETS: 'github' };
  const { client } = await startServer(unpackBundle(), { era: 'modern', env });
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([
    'github_find_examples',
    'github_list_repos',
    'github_read_file',
  ]);
});
