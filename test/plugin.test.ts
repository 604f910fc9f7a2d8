/** The manifests of the plugin agree with the rest: one version, options that the server reads. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pluginVariable } from '#config/option.ts';
import { OPTION_KEYS, OPTION_TABLE } from '#config/options.ts';
import { VERSION } from '#core/version.ts';

const root = path.resolve(import.meta.dirname, '..');
const readText = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const readJson = (file: string): unknown => JSON.parse(readText(file));

describe('versions', () => {
  const versioned = z.looseObject({ version: z.string() });

  it.each([
    'package.json',
    'package-lock.json',
    'plugin/.claude-plugin/plugin.json',
    'plugin/.codex-plugin/plugin.json',
  ])('%s has the version of src/core/version.ts', (file) => {
    expect(versioned.parse(readJson(file)).version).toBe(VERSION);
  });

  it('the marketplace leaves the version to the plugin', () => {
    const { plugins } = z
      .looseObject({ plugins: z.array(z.looseObject({ name: z.string(), source: z.string() })) })
      .parse(readJson('.claude-plugin/marketplace.json'));
    expect(plugins.map(({ name, source }) => [name, source])).toEqual([['glovebox', './plugin']]);
    expect(plugins[0]).not.toHaveProperty('version');
  });
});

describe('P12, P16: plugin/.mcp.json', () => {
  const { mcpServers } = z
    .strictObject({
      mcpServers: z.strictObject({
        glovebox: z.strictObject({
          command: z.literal('node'),
          args: z.tuple([z.literal('${CLAUDE_PLUGIN_ROOT}/dist/mcp.mjs')]),
          timeout: z.int().min(60_000),
          env: z.record(z.string(), z.string()),
        }),
      }),
    })
    .parse(readJson('plugin/.mcp.json'));

  it('gives every optional variable an empty default', () => {
    const optional = Object.values(mcpServers.glovebox.env).flatMap((value) =>
      [...value.matchAll(/\$\{(?!CLAUDE_|user_config\.)([^}]*)\}/g)].map(
        ([, inside = '']) => inside,
      ),
    );
    expect(optional.filter((inside) => !inside.endsWith(':-'))).toEqual([]);
  });

  it('installs nothing', () => {
    expect(existsSync(path.join(root, 'plugin/package.json'))).toBe(false);
  });
});

describe('4.3: options of the plugin', () => {
  const { userConfig } = z
    .looseObject({
      userConfig: z.record(
        z.string().regex(/^[a-z][a-z_]*$/),
        z.strictObject({
          type: z.enum(['string', 'number', 'boolean', 'directory', 'file']),
          title: z.string().min(1),
          description: z.string().regex(/\.$|https:\/\/\S+$/),
          sensitive: z.boolean().optional(),
          // A plugin that asks nothing can be installed without a dialog.
          required: z.literal(false),
        }),
      ),
    })
    .parse(readJson('plugin/.claude-plugin/plugin.json'));
  const rows = OPTION_KEYS.flatMap((key) => {
    const { pluginOption, kind } = OPTION_TABLE[key];
    return pluginOption === undefined ? [] : [{ pluginOption, isSecret: kind.secret === true }];
  });

  it('are those that the option table names, and secrets are kept as such', () => {
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map(({ pluginOption }) => pluginOption).toSorted()).toEqual(
      Object.keys(userConfig).toSorted(),
    );
    for (const { pluginOption, isSecret } of rows)
      expect([pluginOption, userConfig[pluginOption]?.sensitive === true]).toEqual([
        pluginOption,
        isSecret,
      ]);
  });

  it('reach the server by the names under which hooks get them', () => {
    const { env } = z
      .object({
        mcpServers: z.object({ glovebox: z.object({ env: z.record(z.string(), z.string()) }) }),
      })
      .parse(readJson('plugin/.mcp.json')).mcpServers.glovebox;
    const passed = Object.entries(env).filter(([, value]) => value.startsWith('${user_config.'));
    expect(Object.fromEntries(passed)).toEqual(
      Object.fromEntries(
        rows.map(({ pluginOption }) => [
          pluginVariable(pluginOption),
          `\${user_config.${pluginOption}}`,
        ]),
      ),
    );
  });
});

it('Codex takes the skills from the plugin and no server: it starts one in its cache, away from the project', () => {
  const manifest = readJson('plugin/.codex-plugin/plugin.json');
  expect(manifest).toMatchObject({ skills: './skills', mcpServers: './.codex-plugin/mcp.json' });
  expect(readJson('plugin/.codex-plugin/mcp.json')).toEqual({ mcpServers: {} });
});

it('the shell of Claude Code gets the command line from plugin/bin', () => {
  expect(readText('plugin/bin/glovebox')).toContain("import('../dist/cli.mjs')");
  expect(statSync(path.join(root, 'plugin/bin/glovebox')).mode & 0o111).toBe(0o111);
});
