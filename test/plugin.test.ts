/** The plugin's files agree with the rest: one version, known keys, tools that exist. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { VERSION } from '#core/version.ts';
import { INSTRUCTIONS } from '#mcp/instructions.ts';
import { tools } from '#tools/index.ts';

const root = path.resolve(import.meta.dirname, '..');
const readText = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const readJson = (file: string): unknown => JSON.parse(readText(file));

describe('versions', () => {
  const versioned = z.looseObject({ version: z.string() });

  it.each(['package.json', 'package-lock.json', 'plugin/.claude-plugin/plugin.json'])(
    '%s has the version of src/core/version.ts',
    (file) => {
      expect(versioned.parse(readJson(file)).version).toBe(VERSION);
    },
  );

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

/** What Claude Code 2.1.329 knows; the validator does not report others. */
const SKILL_KEYS =
  'name description when_to_use argument-hint arguments disable-model-invocation user-invocable allowed-tools disallowed-tools model effort context agent background hooks paths shell metadata license compatibility'.split(
    ' ',
  );
const MAX_LISTING_CHARS = 1536;

describe.each(readdirSync(path.join(root, 'plugin/skills')).map((skill) => ({ skill })))(
  'skill $skill',
  ({ skill }) => {
    const [, head = '', body = ''] =
      /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(readText(`plugin/skills/${skill}/SKILL.md`)) ?? [];
    const keys = [...head.matchAll(/^([\w-]+):/gm)].map(([, key = '']) => key);

    it('has a head with known keys, its own name, and a description that fits', () => {
      expect(keys.filter((key) => !SKILL_KEYS.includes(key))).toEqual([]);
      expect(head).toContain(`name: ${skill}\n`);
      const description = /^description: (.+)$/m.exec(head)?.[1] ?? '';
      expect(description.length).toBeGreaterThan(40);
      expect(description.length).toBeLessThanOrEqual(MAX_LISTING_CHARS);
    });

    it('names only tools that exist', () => expectKnownTools(`${head}\n${body}`));
  },
);

describe('instructions', () => {
  it('fit into what reaches a model', () => {
    expect(Buffer.byteLength(INSTRUCTIONS)).toBeLessThanOrEqual(2048);
  });

  it('name only tools that exist', () => expectKnownTools(INSTRUCTIONS));
});

const ARGUMENTS = new Set(tools.flatMap(({ input }) => Object.keys(input.shape)));

/** Every word with an underscore in it is a tool or an argument of one. */
function expectKnownTools(text: string): void {
  const known = new Set([...tools.map(({ name }) => name), ...ARGUMENTS]);
  const words = text.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [];
  expect(words.length).toBeGreaterThan(5);
  expect(words.filter((word) => !known.has(word))).toEqual([]);
}
