import path from 'node:path';
import { expect, it } from 'vitest';
import { BACKEND_IDS } from '#sandbox/backend.ts';
import { TOOLSETS } from '#tools/define-tool.ts';
import { OPTION_KEYS, OPTION_TABLE } from './options.ts';

const facts = {
  home: path.resolve('/home'),
  dir: path.resolve('/home/.glovebox'),
  projectDir: path.resolve('/project'),
};

it.each(OPTION_KEYS)('%s has a default that it accepts itself', (key) => {
  const { kind, default: makeDefault } = OPTION_TABLE[key];
  const value = makeDefault(facts);
  if (value !== undefined) expect(kind.schema().safeParse(value).success).toBe(true);
  else expect(OPTION_TABLE[key].defaultText).toBeDefined();
});

it('has no variable twice', () => {
  const names = OPTION_KEYS.flatMap((key) => [
    OPTION_TABLE[key].env,
    ...(OPTION_TABLE[key].oldNames ?? []).map(({ env }) => env),
  ]);
  expect(names).toEqual([...new Set(names)]);
  const shared = /^(HF|HUGGING_FACE|GITHUB|GH|MODAL|S2|SEMANTIC_SCHOLAR)_[A-Z_]+$/;
  const others = names.filter((name) => !shared.test(name));
  expect(others.filter((name) => !/^(GLOVEBOX|JLAB_MCP|ML_INTERN)_[A-Z0-9_]+$/.test(name))).toEqual(
    [],
  );
});

it('describes every option in a sentence', () => {
  expect(OPTION_KEYS.filter((key) => !/^[A-Z].*\.$/.test(OPTION_TABLE[key].about))).toEqual([]);
});

it('knows the same back ends and toolsets as the code that uses them', () => {
  expect(OPTION_TABLE.backend.kind.known).toEqual(BACKEND_IDS);
  expect(OPTION_TABLE['tools.toolsets'].default(facts)).toEqual(TOOLSETS);
});

it('lets a project neither open the machine nor choose what kernels see', () => {
  const guarded = OPTION_KEYS.filter((key) => OPTION_TABLE[key].from !== 'anywhere');
  expect(guarded).toEqual(
    expect.arrayContaining([
      'dir',
      'kernel.env',
      'local.bind_ip',
      'network.proxy',
      'hub.endpoint',
      'hub.token',
    ]),
  );
});
