/** Each tool file is in the list once, under the name of its file and the toolset of its folder. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { TOOLSETS, type Tool } from './define-tool.ts';
import { tools } from './index.ts';

const folder = import.meta.dirname;

interface ToolFile {
  readonly file: string;
  readonly toolset: string;
  readonly name: string;
}

const toolFiles: readonly ToolFile[] = TOOLSETS.flatMap((toolset) =>
  readdirSync(path.join(folder, toolset), { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .filter((entry) => !entry.name.endsWith('.test.ts'))
    .map((entry) => ({
      file: `${toolset}/${entry.name}`,
      toolset,
      name: path.basename(entry.name, '.ts').replaceAll('-', '_'),
    })),
);

const isTool = (value: unknown): value is Tool =>
  typeof value === 'object' && value !== null && 'toolset' in value && 'hints' in value;

it.each(toolFiles)('src/tools/$file holds the one tool $name', async ({ file, name, toolset }) => {
  const exported = Object.values<unknown>(
    await import(/* @vite-ignore */ pathToFileURL(path.join(folder, file)).href),
  ).filter(isTool);
  expect(exported.map((tool) => ({ name: tool.name, toolset: tool.toolset }))).toEqual([
    { name, toolset },
  ]);
  const listed = tools.filter((tool) => tool === exported[0]).length;
  expect(listed, `src/tools/${file} must be in src/tools/index.ts once`).toBe(1);
});

it('has one folder for each toolset', () => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(folders.map(({ name }) => name).toSorted()).toEqual([...TOOLSETS].toSorted());
});

it('lists nothing but tools with a file of their own, each name once', () => {
  expect(tools.map(({ name }) => name).toSorted()).toEqual(
    toolFiles.map(({ name }) => name).toSorted(),
  );
});
