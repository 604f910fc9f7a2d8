import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { credentialRule } from './web-services.ts';

const TOKENS = { HF_TOKEN: 'hf_a', GITHUB_TOKEN: 'ghp_b', S2_API_KEY: 's2_c' };

/** Where the secret came from that goes to an address. */
async function sourceFor(url: string, env: Readonly<Record<string, string>> = {}) {
  const config = await loadConfig({
    env: { HOME: '/nowhere', ...TOKENS, ...env },
    cwd: '/',
    projectDir: '/',
  });
  return (await credentialRule(config)(new URL(url)))?.source;
}

describe('2.2: which secret goes where', () => {
  it.each([
    ['https://huggingface.co/api/whoami-v2', 'HF_TOKEN'],
    ['https://datasets-server.huggingface.co/splits', 'HF_TOKEN'],
    ['https://api.github.com/repos/a/b', 'GITHUB_TOKEN'],
    ['https://api.semanticscholar.org/graph/v1/paper/x', 'S2_API_KEY'],
  ])('%s gets that of %s', async (url, source) => expect(await sourceFor(url)).toBe(source));

  it.each([
    'https://huggingface.co.evil.test/docs',
    'https://huggingface.co@evil.test/docs',
    'https://evil.test/huggingface.co',
    'http://huggingface.co/api',
    'https://huggingface.co:8443/api',
    'https://hf.co/api',
    'https://cdn-lfs.huggingface.co/x',
    'https://cdn-lfs.hf.co/x',
    'https://org-space.hf.space/',
    'https://raw.githubusercontent.com/a/b/main/x',
    'https://github.com/a/b',
    'https://api.github.com.evil.test/',
    'https://arxiv.org/html/1',
    'https://ar5iv.labs.arxiv.org/html/1',
    'https://www.gradio.app/llms.txt',
    'https://www.semanticscholar.org/',
  ])('%s gets none', async (url) => expect(await sourceFor(url)).toBeUndefined());

  it('moves with HF_ENDPOINT, and leaves the public viewer then', async () => {
    const mirror = { HF_ENDPOINT: 'https://hub.mirror.test/' };
    expect(await sourceFor('https://hub.mirror.test/api/models', mirror)).toBe('HF_TOKEN');
    expect(await sourceFor('https://huggingface.co/api/models', mirror)).toBeUndefined();
    expect(
      await sourceFor('https://datasets-server.huggingface.co/splits', mirror),
    ).toBeUndefined();
    const both = { ...mirror, GLOVEBOX_DATASETS_SERVER: 'https://viewer.mirror.test' };
    expect(await sourceFor('https://viewer.mirror.test/splits', both)).toBe('HF_TOKEN');
  });

  it('is never sent to the storage of a mirror', async () => {
    const env = { GLOVEBOX_MIRRORS: 'https://storage.mirror.test' };
    expect(await sourceFor('https://storage.mirror.test/x', env)).toBeUndefined();
  });

  it('is not moved by the file of a project, which somebody else may have written', async () => {
    const project = mkdtempSync(path.join(tmpdir(), 'glovebox-project-'));
    writeFileSync(
      path.join(project, 'glovebox.toml'),
      '[hub]\nendpoint = "https://evil.test"\n[github]\nendpoint = "https://evil.test"\n',
    );
    const config = await loadConfig({
      env: { HOME: '/nowhere', ...TOKENS },
      cwd: project,
      projectDir: project,
    });
    rmSync(project, { recursive: true });
    expect(await credentialRule(config)(new URL('https://evil.test/'))).toBeUndefined();
    expect(config.get('hub.endpoint')).toBe('https://huggingface.co');
  });
});
