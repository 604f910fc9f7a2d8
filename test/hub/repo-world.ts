/** A repository of an organisation of ours on the fake Hub, and a client that may look at it and change it. */
import {
  addAccount,
  addRepo,
  type FakeRepo,
  type FakeRepoOptions,
} from '../fakes/hub/fake-repo.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

/** Its id. */
export const repo_id = 'org/thing';

const FILES: FakeRepoOptions = {
  type: 'model',
  id: repo_id,
  files: {
    'README.md': '# Title\nline 2\nline 3\n',
    '.gitattributes': '',
    'data/train.jsonl': '{}\n',
    'data/deep/a b.txt': 'spaces',
    'data/deep/c.txt': 'c',
    'logs/1.log': 'l',
    'logs/2.log': 'l',
    'model.bin': Buffer.alloc(5000, 7),
  },
  lfsBytes: 4000,
};

export async function worldWith(
  options: Partial<FakeRepoOptions> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<ResearchWorld & { readonly repo: FakeRepo }> {
  const world = await startResearch({ env });
  addAccount(world.services, 'me', ['org']);
  return { ...world, repo: addRepo(world.services, { ...FILES, ...options }) };
}
