/** The plugin's files agree with the rest: one version, known keys, tools that exist. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { OPTION_KEYS, OPTION_TABLE } from '#config/options.ts';
import { isRecord } from '#core/json.ts';
import { VERSION } from '#core/version.ts';
import { INSTRUCTIONS } from '#mcp/instructions.ts';
import { tools } from '#tools/index.ts';
import { inputSchemaOf } from '#tools/input-schema.ts';
import { toolkitWords } from './rigs/toolkit-words.ts';

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

    it('names only tools that exist', () =>
      expectKnownTools(`${head}\n${body}`, skill === 'interpretability' ? TOOLKIT : []));
  },
);

/** What Claude Code 2.1.329 knows of subagents; in a plugin it ignores hooks, mcpServers and permissionMode. */
const AGENT_KEYS =
  'name description model effort maxTurns tools disallowedTools skills memory background isolation color'.split(
    ' ',
  );
const COMMAND_KEYS = 'description argument-hint allowed-tools model disable-model-invocation'.split(
  ' ',
);
/** Tools that read as well as they write: what they would change is stopped by the server's own gate. */
const READ_TOO = ['hf_repo_files'];
const PREFIX = 'mcp__plugin_glovebox_glovebox__';

function parts(file: string): {
  readonly head: string;
  readonly body: string;
  readonly keys: readonly string[];
} {
  const [, head = '', body = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(readText(file)) ?? [];
  return { head, body, keys: [...head.matchAll(/^([\w-]+):/gm)].map(([, key = '']) => key) };
}

describe('11.2: the research subagent', () => {
  const { head, body, keys } = parts('plugin/agents/research.md');
  const listed = (/^tools: (.+)$/m.exec(head)?.[1] ?? '').split(', ');

  it('has a head with known keys', () => {
    expect(keys.filter((key) => !AGENT_KEYS.includes(key))).toEqual([]);
    expect(head).toContain('name: research\n');
  });

  it('may use exactly the tools that only read, by the names that Claude Code shows', () => {
    const own = listed.filter((name) => name.startsWith('mcp__'));
    const readers = tools.filter(
      ({ toolset, hints, name }) =>
        (toolset === 'hub' || toolset === 'github') && (hints.readOnly || READ_TOO.includes(name)),
    );
    const expected = readers.map(({ name }) => `${PREFIX}${name}`);
    expect(own.toSorted()).toEqual(expected.toSorted());
    const builtIn = listed.filter((name) => !name.startsWith('mcp__'));
    expect(builtIn).toEqual(['Read', 'Grep', 'Glob', 'WebFetch']);
  });

  it('names only tools and operations that exist', () => expectKnownTools(body));
});

describe('11.3: commands', () => {
  it.each(readdirSync(path.join(root, 'plugin/commands')))(
    '%s has a head with known keys',
    (file) => {
      const { head, body, keys } = parts(`plugin/commands/${file}`);
      expect(keys.filter((key) => !COMMAND_KEYS.includes(key))).toEqual([]);
      expect(head).toMatch(/^description: .{20,}/m);
      expect(body).toContain('$ARGUMENTS');
    },
  );

  it('/inspect-dataset may use the tool by the name that Claude Code shows', () => {
    const { head, body } = parts('plugin/commands/inspect-dataset.md');
    expect(/^allowed-tools: (.+)$/m.exec(head)?.[1]).toBe(`${PREFIX}hf_inspect_dataset`);
    const tool = tools.find(({ name }) => name === 'hf_inspect_dataset');
    const named = [...body.matchAll(/`([a-z_]+)`/g)].map(([, word = '']) => word);
    const known = ['hf_inspect_dataset', ...Object.keys(tool?.input.shape ?? {})];
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((word) => !known.includes(word))).toEqual([]);
  });

  it.each(['run-job', 'finetune'])(
    '11.3: /%s names only tools that exist, and has a line for everything that is checked before money is spent',
    (name) => {
      const { body } = parts(`plugin/commands/${name}.md`);
      const named = [...body.matchAll(/`(mcp__\w+)`/g)].map(([, word = '']) => word);
      expect(named).toContain(`${PREFIX}hf_jobs`);
      const known = tools.map((tool) => `${PREFIX}${tool.name}`);
      expect(named.filter((word) => !known.includes(word))).toEqual([]);
      expectKnownTools(body.replaceAll(PREFIX, ''));
      const lines = [...body.matchAll(/^ {3}(\w+(?: \w+)?) +</gm)].map(([, word = '']) => word);
      expect(lines).toEqual([
        'reference',
        'dataset',
        'model',
        'method',
        'flavor',
        'timeout',
        'cost',
        'push target',
        'tracking',
        'smoke test',
      ]);
      if (name === 'finetune') expect(body).toContain('`glovebox:research`');
    },
  );

  it('/research hands over to the subagent that is there', () => {
    expect(readText('plugin/commands/research.md')).toContain('`glovebox:research`');
    expect(parts('plugin/agents/research.md').head).toContain('name: research\n');
  });
});

describe('4.3: options of the plugin', () => {
  it('reach the server under names that it reads, and are secrets', () => {
    const { userConfig } = z
      .looseObject({
        userConfig: z.record(
          z.string(),
          z.looseObject({
            type: z.string(),
            title: z.string(),
            description: z.string(),
            sensitive: z.boolean(),
          }),
        ),
      })
      .parse(readJson('plugin/.claude-plugin/plugin.json'));
    const env = z
      .object({
        mcpServers: z.object({ glovebox: z.object({ env: z.record(z.string(), z.string()) }) }),
      })
      .parse(readJson('plugin/.mcp.json')).mcpServers.glovebox.env;
    const passed = Object.entries(env).flatMap(([name, value]) => {
      const key = /^\$\{user_config\.(\w+)\}$/.exec(value)?.[1];
      return key === undefined ? [] : [[key, name] as const];
    });
    expect(passed.map(([key]) => key).toSorted()).toEqual(Object.keys(userConfig).toSorted());
    const read = new Set(OPTION_KEYS.map((key) => OPTION_TABLE[key].env));
    expect(passed.filter(([, name]) => !read.has(name))).toEqual([]);
    expect(Object.values(userConfig).every(({ sensitive }) => sensitive)).toBe(true);
  });
});

describe('instructions', () => {
  it('fit into what reaches a model', () => {
    expect(Buffer.byteLength(INSTRUCTIONS)).toBeLessThanOrEqual(2048);
  });

  it('name only tools that exist', () => expectKnownTools(INSTRUCTIONS));
});

const ARGUMENTS = new Set(tools.flatMap(({ input }) => Object.keys(input.shape)));
/** The operations of tools that have several. */
const OPERATIONS = new Set(
  tools.flatMap((tool) => {
    const { properties } = inputSchemaOf(tool);
    const operation = isRecord(properties) ? properties['operation'] : undefined;
    const values: readonly unknown[] =
      isRecord(operation) && Array.isArray(operation['enum']) ? operation['enum'] : [];
    return values.map(String);
  }),
);
/** Arguments of libraries that the texts speak of. */
const FOREIGN = new Set(
  'disable_tqdm logging_strategy logging_first_step push_to_hub hub_model_id max_length'.split(' '),
);
/** Functions of kernels; that the calls of the skill about them are right, its own test sees by running them. */
const TOOLKIT = await toolkitWords();

/** Every word with an underscore in it is a tool, an operation or an argument of one. */
function expectKnownTools(text: string, more: Iterable<string> = []): void {
  const names = tools.map(({ name }) => name);
  const known = new Set([...names, ...ARGUMENTS, ...OPERATIONS, ...FOREIGN, ...more]);
  const words = text.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [];
  expect(words.length).toBeGreaterThan(5);
  expect(words.filter((word) => !known.has(word))).toEqual([]);
}
