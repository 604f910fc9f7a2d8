/** Commands, skills and subagents of the plugin: known keys, a size that a model reads, and no name that does not exist. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { INSTRUCTIONS } from '#mcp/instructions.ts';
import { tools } from '#tools/index.ts';
import { codeIn, pluginParts, PREFIX, unknownCode, variables } from './rigs/product-names.ts';
import { toolkitWords } from './rigs/toolkit-words.ts';

const plugin = path.resolve(import.meta.dirname, '../plugin');
const filesIn = (folder: string): readonly string[] => readdirSync(path.join(plugin, folder));

/** What belongs to others, or is a word of the text itself: each by its exact text. */
const FOREIGN = new Set([
  // Answers and states that tools report.
  'unknown',
  'unreachable',
  // Variables of kernels, and what makes them.
  'model',
  'tokenizer',
  'MODEL_<NAME>_PATH',
  'import glovebox_models; glovebox_models.preload(globals())',
  'from glovebox_keep_alive import keep_alive; held = keep_alive("training", hours=3)',
  'from glovebox_containers import container_exec; done = container_exec("name", ["pytest", "-q"])',
  // Files of an experiment.
  'experiments/<name>/',
  'setup.ts',
  'task.md',
  'lib/',
  // Shell and notebook.
  'sbatch',
  'squeue',
  '%pip',
  '%pip install',
  // Forms of values.
  'env:NAME',
  'file:path',
  'more: cursor=...',
  '[area/problem] ...',
  'Next:',
  '-1',
  // Arguments of the libraries that training code uses.
  'disable_tqdm',
  'disable_tqdm=True',
  'logging_strategy="steps"',
  'logging_first_step',
  'logging_first_step=True',
  'push_to_hub',
  'hub_model_id',
  'max_length',
]);

interface Text {
  readonly file: string;
  readonly head: string;
  readonly body: string;
  readonly keys: readonly string[];
}

function readText(file: string): Text {
  const text = readFileSync(path.join(plugin, file), 'utf8');
  const [, head = '', body = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text) ?? [];
  return { file, head, body, keys: [...head.matchAll(/^([\w-]+):/gm)].map(([, key = '']) => key) };
}

const commands = filesIn('commands').map((file) => readText(`commands/${file}`));
const skills = filesIn('skills').map((name) => readText(`skills/${name}/SKILL.md`));
const agents = filesIn('agents').map((file) => readText(`agents/${file}`));
const field = ({ head }: Text, key: string): string =>
  new RegExp(`^${key}: (.+)$`, 'm').exec(head)?.[1]?.replaceAll(/^'|'$/g, '') ?? '';

/** What Claude Code 2.1.329 knows; the validator does not report others. */
const SKILL_KEYS =
  'name description when_to_use argument-hint arguments disable-model-invocation user-invocable allowed-tools disallowed-tools model effort context agent background hooks paths shell metadata license compatibility'.split(
    ' ',
  );
const COMMAND_KEYS = 'description argument-hint allowed-tools model disable-model-invocation'.split(
  ' ',
);
/** hooks, mcpServers and permissionMode are ignored in a plugin. */
const AGENT_KEYS =
  'name description model effort maxTurns tools disallowedTools skills memory background isolation color'.split(
    ' ',
  );
/** What other clients take too. */
const MAX_NAME_CHARS = 64;
const MAX_DESCRIPTION_CHARS = 1024;
const MAX_SKILL_LINES = 500;

/** Skills about a Python package of ours: their code is run by its own tests. */
const RUN_ELSEWHERE = ['skills/interpretability/SKILL.md'];
const checkedHere = [...commands, ...skills, ...agents].filter(
  ({ file }) => !RUN_ELSEWHERE.includes(file),
);

describe.each(checkedHere)('P2, acceptance 50: $file', (text) => {
  it('names only what exists', () => {
    const code = codeIn(text.body);
    expect(unknownCode(code, FOREIGN)).toEqual([]);
    expect(code.length).toBeGreaterThan(0);
  });

  it('has no word with an underscore outside of what exists either', () => {
    const found = `${text.head}\n${text.body}`.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [];
    const known = new Set([...FOREIGN].flatMap((piece) => piece.match(/\w+/g) ?? []));
    expect(unknownCode(found, known)).toEqual([]);
  });

  it('names only variables that are read', () => {
    const named = text.body.match(/\b(?:GLOVEBOX|HF|GITHUB|MODAL)_[A-Z0-9_]+\b/g) ?? [];
    expect(named.filter((name) => !variables.has(name))).toEqual([]);
  });

  it('has a description that fits', () => {
    const description = field(text, 'description');
    expect(description.length).toBeGreaterThan(40);
    expect(description.length).toBeLessThanOrEqual(MAX_DESCRIPTION_CHARS);
  });
});

it.each(RUN_ELSEWHERE)(
  '%s has no word with an underscore but names of the package and of tools',
  async (file) => {
    const { head, body } = readText(file);
    const found = `${head}\n${body}`.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [];
    expect(found.length).toBeGreaterThan(5);
    expect(unknownCode(found, await toolkitWords())).toEqual([]);
  },
);

describe.each(skills)('$file', (skill) => {
  it('has a head with known keys, the name of its folder, and a length that is read', () => {
    expect(skill.keys.filter((key) => !SKILL_KEYS.includes(key))).toEqual([]);
    const name = path.basename(path.dirname(skill.file));
    expect(field(skill, 'name')).toBe(name);
    expect(name.length).toBeLessThanOrEqual(MAX_NAME_CHARS);
    expect(skill.body.split('\n').length).toBeLessThan(MAX_SKILL_LINES);
  });
});

describe.each(commands)('11.3: $file', (command) => {
  it('has a head with known keys and takes what the user says', () => {
    expect(command.keys.filter((key) => !COMMAND_KEYS.includes(key))).toEqual([]);
    expect(command.body).toContain('$ARGUMENTS');
  });

  it('may use only tools that exist and read, by the names that Claude Code shows', () => {
    const allowed = field(command, 'allowed-tools').split(', ').filter(Boolean);
    const readers = tools.filter(({ hints }) => hints.readOnly).map(({ name }) => PREFIX + name);
    expect(allowed.filter((name) => !readers.includes(name))).toEqual([]);
  });
});

/** What is checked, line by line, before a Job is paid for. */
const CHECKLIST =
  'reference,dataset,model,method,flavor,timeout,cost,push target,tracking,smoke test'.split(',');

describe.each(commands.filter(({ body }) => body.includes('hf_jobs')))(
  '11.3: $file',
  ({ body }) => {
    it('has a checklist with a line for everything', () => {
      const lines = [...body.matchAll(/^ {3}- (\w+(?: \w+)?): \S/gm)].map(([, word = '']) => word);
      expect(lines).toEqual(CHECKLIST);
    });
  },
);

it('11.3: has every command that is promised', () => {
  expect(commands.map(({ file }) => path.parse(file).name)).toEqual(
    expect.arrayContaining([
      'finetune',
      'inspect-dataset',
      'ml-intern',
      'research',
      'run-job',
      'sandbox',
      'setup',
      'status',
    ]),
  );
});

it('no command has the name of a skill: both are called as /glovebox:NAME', () => {
  const names = commands.map(({ file }) => path.parse(file).name);
  expect(names.filter((name) => skills.some((skill) => field(skill, 'name') === name))).toEqual([]);
  for (const name of names) expect(pluginParts).toContain(name);
});

it('P2: its TypeScript is an example, which the compiler checks', () => {
  const examples = path.resolve(plugin, '../examples');
  const known = readdirSync(examples)
    .filter((file) => file.endsWith('.ts'))
    .map((file) =>
      readFileSync(path.join(examples, file), 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\n/, ''),
    );
  const blocks = [...commands, ...skills].flatMap(({ body }) =>
    [...body.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block),
  );
  expect(blocks.length).toBeGreaterThan(0);
  expect(blocks.filter((block) => !known.includes(block))).toEqual([]);
});

/** Tools that read as well as they write: what they would change is stopped by the server's own gate. */
const READ_TOO = ['hf_repo_files'];

describe('11.2: the research subagent', () => {
  const research = readText('agents/research.md');

  it('has a head with known keys', () => {
    expect(research.keys.filter((key) => !AGENT_KEYS.includes(key))).toEqual([]);
    expect(field(research, 'name')).toBe('research');
  });

  it('may use exactly the tools that only read, by the names that Claude Code shows', () => {
    const listed = field(research, 'tools').split(', ');
    const readers = tools.filter(
      ({ toolset, hints, name }) =>
        (toolset === 'hub' || toolset === 'github') && (hints.readOnly || READ_TOO.includes(name)),
    );
    const expected = readers.map(({ name }) => `${PREFIX}${name}`);
    expect(listed.filter((name) => name.startsWith('mcp__')).toSorted()).toEqual(
      expected.toSorted(),
    );
    expect(listed.filter((name) => !name.startsWith('mcp__'))).toEqual([
      'Read',
      'Grep',
      'Glob',
      'WebFetch',
    ]);
  });
});

describe('instructions', () => {
  it('fit into what reaches a model', () => {
    expect(Buffer.byteLength(INSTRUCTIONS)).toBeLessThanOrEqual(2048);
  });

  it('name only tools that exist', () => {
    const found = INSTRUCTIONS.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [];
    expect(found.length).toBeGreaterThan(5);
    expect(unknownCode(found, new Set())).toEqual([]);
  });
});

describe('the check itself', () => {
  it.each([
    'no_such_tool',
    'execute_code(sesion_id="s-1")',
    'sandbox_create(options={"gpus": 2})',
    'glovebox stat',
    'glovebox stop --everything',
    'glovebox tool read_notebook --path x',
    'glovebox:reserch',
    'GLOVEBOX_NO_SUCH',
    '[sandbox/no-such]',
    '[slrum]',
    'models=[{"idd": "x"}]',
    'mcp__plugin_glovebox_glovebox__no_such',
    'mcp__glovebox__execute_code',
    'glovebox://nothing',
  ])('finds %s', (piece) => {
    expect(unknownCode([piece], FOREIGN)).toEqual([piece]);
  });

  it.each([
    'execute_code(session_id="s-1", code="f(a=1)")',
    'sandbox_create(backend="modal", options={"models": [{"id": "a/b"}]}, dry_run=true)',
    'glovebox stop --all',
    'glovebox tool read_notebook --notebook-path x',
    'GLOVEBOX_DIR',
    '[sandbox.gemma]',
    '[slurm]',
  ])('lets %s pass', (piece) => {
    expect(unknownCode([piece], FOREIGN)).toEqual([]);
  });
});
