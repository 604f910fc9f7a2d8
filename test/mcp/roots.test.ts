/** P15: which folder counts as the project, when the client, the environment and the working folder may each say it. */
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { unpackBundle, type Bundle } from '../rigs/bundle.ts';

interface Told {
  readonly roots?: readonly string[];
  /** Asked for its roots, it never answers. */
  readonly isSilent?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** The project as the status resource names it; the server starts in a folder that is none. */
async function projectOf(bundle: Bundle, { roots, isSilent, env }: Told): Promise<string> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [bundle.file('mcp.mjs')],
    cwd: bundle.home,
    env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...env },
    stderr: 'ignore',
  });
  const capabilities = roots === undefined && isSilent !== true ? {} : { roots: {} };
  const client = new Client({ name: 'test', version: '0' }, { capabilities });
  if ('roots' in capabilities) {
    client.setRequestHandler('roots/list', () => {
      if (isSilent === true) return new Promise<never>(() => undefined);
      return { roots: (roots ?? []).map((folder) => ({ uri: pathToFileURL(folder).href })) };
    });
  }
  onTestFinished(() => client.close());
  await client.connect(transport);
  const { contents } = await client.readResource({ uri: 'glovebox://server/status' });
  const [{ text }] = z.tuple([z.object({ text: z.string() })]).parse(contents);
  return z.looseObject({ project: z.string() }).parse(JSON.parse(text)).project;
}

function makeFolder(bundle: Bundle, name: string): string {
  const folder = path.join(bundle.folder, name);
  mkdirSync(folder);
  return realpathSync(folder);
}

it('takes the first root of the client that exists', async () => {
  const bundle = unpackBundle();
  const real = makeFolder(bundle, 'work of mine');
  expect(await projectOf(bundle, { roots: ['/no/such/folder', real] })).toBe(real);
});

it('believes the variables before the roots', async () => {
  const bundle = unpackBundle();
  const [root, claude, own] = ['root', 'claude', 'own'].map((name) => makeFolder(bundle, name));
  const told = { roots: [root ?? ''], env: { CLAUDE_PROJECT_DIR: claude ?? '' } };
  expect(await projectOf(bundle, told)).toBe(claude);
  const both = { ...told, env: { ...told.env, GLOVEBOX_PROJECT_DIR: own ?? '' } };
  expect(await projectOf(bundle, both)).toBe(own);
});

it.each<Told>([{}, { roots: [] }, { isSilent: true }])(
  'falls back to its working folder: %o',
  async (told) => {
    const bundle = unpackBundle();
    expect(await projectOf(bundle, told)).toBe(realpathSync(bundle.home));
  },
);
