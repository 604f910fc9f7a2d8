/** Every check of scripts with what raises it and what must not. */
import { describe, expect, it } from 'vitest';
import { checkScript, savesTo } from './checks.ts';
import { readPython } from './python-code.ts';
import type { ScriptToCheck } from './script.ts';

const HOUR = 3600;

function found(source: string | undefined, given: Partial<ScriptToCheck> = {}): readonly string[] {
  const request: ScriptToCheck = {
    source,
    timeLimitS: 3 * HOUR,
    isDefaultLimit: false,
    hasGpu: true,
    dependencies: ['trl', 'torch'],
    image: 'ghcr.io/astral-sh/uv:python3.12-bookworm',
    getsHubToken: true,
    hasLastingVolume: false,
    ...given,
  };
  return checkScript(request).map(({ code, severity }) => `${code} ${severity}`);
}

const TRAIN = `from trl import SFTTrainer
model = AutoModel.from_pretrained("org/model")
trainer = SFTTrainer(model=model)
trainer.train()
`;
const PUSHING = `${TRAIN.replace('model=model', 'model=model, push_to_hub=True')}hub_model_id = "me/model"\n`;
const QUIET = 'args = dict(report_to="trackio", disable_tqdm=True, logging_strategy="steps")\n';

describe('11.4: reliability', () => {
  it('says nothing about inference, whatever its limit is', () => {
    const inference =
      'from transformers import AutoModel\nm = AutoModel.from_pretrained("x/y").cuda()\nm.generate()\n';
    expect(found(inference, { isDefaultLimit: true, timeLimitS: 1800 })).toEqual([]);
    const saved = `${inference}import torch\ntorch.save(m, "out.pt")\n`;
    expect(found(saved, { isDefaultLimit: true })).toEqual([]);
  });

  it.each<[string, string, Partial<ScriptToCheck>, readonly string[], readonly string[]]>([
    ['R1: training without any save', TRAIN, {}, ['R1 high'], ['R2 high']],
    ['R1: the word only in a comment', `${TRAIN}# push_to_hub=True\n`, {}, ['R1 high'], []],
    [
      'R1: the word only in a docstring',
      `"""trainer.push_to_hub() later"""\n${TRAIN}`,
      {},
      ['R1 high'],
      [],
    ],
    [
      'R1: the word only in a message',
      `${TRAIN}print("push_to_hub() is off")\n`,
      {},
      ['R1 high'],
      [],
    ],
    ['R1: switched off', `${TRAIN}args = dict(push_to_hub=False)\n`, {}, ['R1 high'], []],
    [
      'R1: upload_folder at the end',
      `${TRAIN}api.upload_folder(repo_id="me/x")\n`,
      {},
      [],
      ['R1 high'],
    ],
    [
      'R1: the command',
      `${TRAIN}subprocess.run(["hf", "upload", "me/x", "out"])\n`,
      {},
      [],
      ['R1 high'],
    ],
    ['R1: a bucket that lasts', TRAIN, { hasLastingVolume: true }, [], ['R1 high', 'R2 high']],
    [
      'R2: saved to a disk that is lost',
      `${TRAIN}trainer.save_model("out")\n`,
      {},
      ['R2 high'],
      ['R1 high'],
    ],
    ['R2: no more than that', 'trainer.save_model()\n', {}, ['R2 high'], ['R1 high']],
    [
      'R2: pushed afterwards',
      `${TRAIN}model.save_pretrained("o")\nmodel.push_to_hub("me/x")\n`,
      {},
      [],
      ['R2 high'],
    ],
    ['R3: the default limit', PUSHING, { isDefaultLimit: true, timeLimitS: 1800 }, ['R3 high'], []],
    ['R3: half an hour that was asked for', PUSHING, { timeLimitS: 1800 }, ['R3 high'], []],
    ['R3: one hour', PUSHING, { timeLimitS: HOUR }, ['R3 medium'], ['R3 high']],
    ['R3: three hours', PUSHING, {}, [], ['R3 high', 'R3 medium']],
    ['R4: no target', TRAIN.replace('model=model', 'push_to_hub=True'), {}, ['R4 medium'], []],
    ['R4: a target in another line', PUSHING, {}, [], ['R4 medium']],
    ['R5: no token', PUSHING, { getsHubToken: false }, ['R5 high'], []],
    ['R5: a token', PUSHING, {}, [], ['R5 high']],
    ['R5: nothing to push', TRAIN, { getsHubToken: false }, [], ['R5 high']],
    [
      'R6: flash attention alone',
      'f(attn_implementation="flash_attention_2")\n',
      {},
      ['R6 medium'],
      [],
    ],
    [
      'R6: with its package',
      'f(attn_implementation="flash_attention_2")\n',
      { dependencies: ['flash-attn>=2'] },
      [],
      ['R6 medium'],
    ],
    ['R7: nothing tracks it', PUSHING, {}, ['R7 low'], []],
    ['R7: trackio does', `${PUSHING}${QUIET}`, {}, [], ['R7 low']],
    ['R8: progress bars', PUSHING, {}, ['R8 low'], []],
    ['R8: quiet', `${PUSHING}${QUIET}`, {}, [], ['R8 low']],
    ['R9: a home folder', 'load_dataset("/home/me/data")\n', {}, ['R9 high'], []],
    ['R9: a drive', String.raw`open(r"C:\data\x.csv")`, {}, ['R9 high'], []],
    [
      'R9: a file of the project',
      'open("data/x.csv")\n',
      { isProjectFile: (path) => path === 'data/x.csv' },
      ['R9 medium'],
      [],
    ],
    [
      'R9: a name at the Hub',
      'load_dataset("org/data")\nopen("out.txt")\n',
      { isProjectFile: () => false },
      [],
      ['R9 high', 'R9 medium'],
    ],
    ['R10: a package that nothing installs', 'import polars, os\n', {}, ['R10 medium'], []],
    [
      'R10: one of the header',
      '# /// script\n# dependencies = ["polars>=1", "scikit-learn"]\n# ///\nimport polars\nfrom sklearn import svm\n',
      {},
      [],
      ['R10 medium'],
    ],
    ['R10: one that comes along', 'import transformers, datasets, numpy\n', {}, [], ['R10 medium']],
    [
      'R10: one of the image',
      'import torchvision\n',
      { image: 'pytorch/pytorch:2.6', dependencies: [] },
      [],
      ['R10 medium'],
    ],
    ['R10: an image that nobody knows', 'import polars\n', { image: 'me/own' }, [], ['R10 medium']],
    [
      'R10: an import that may fail',
      'try:\n    import polars\nexcept ImportError:\n    pass\n',
      {},
      [],
      ['R10 medium'],
    ],
    [
      'R11: all at the end',
      `${TRAIN}trainer.save_model("o")\nmodel.push_to_hub("me/x")\n`,
      {},
      ['R11 medium'],
      [],
    ],
    ['R11: pushed as it goes', PUSHING, {}, [], ['R11 medium']],
    [
      'R11: pushed at the end by name',
      PUSHING.replace('push_to_hub=True', 'push_to_hub=True, hub_strategy="end"'),
      {},
      ['R11 medium'],
      [],
    ],
    ['R11: short', TRAIN, { timeLimitS: HOUR }, [], ['R11 medium']],
    ['R12: no GPU for cuda', 'import torch\nx.to("cuda")\n', { hasGpu: false }, ['R12 medium'], []],
    [
      'R12: no GPU for bf16',
      PUSHING.replace('push_to_hub=True', 'push_to_hub=True, bf16=True'),
      { hasGpu: false },
      ['R12 medium'],
      [],
    ],
    ['R12: a GPU for nothing', 'import os\nprint(1)\n', {}, ['R12 medium'], []],
    ['R12: a GPU that is used', 'import torch\nx.to("cuda")\n', {}, [], ['R12 medium']],
    ['R12: unknown hardware', 'print(1)\n', { hasGpu: undefined }, [], ['R12 medium']],
  ])('%s', (_, source, given, raised, notRaised) => {
    const codes = found(source, given);
    expect(codes).toEqual(expect.arrayContaining([...raised]));
    for (const code of notRaised) expect(codes).not.toContain(code);
  });

  it('says of a command at most that its limit is short', () => {
    const command = ['accelerate', 'launch', 'train.py', '--push_to_hub=False', '--cuda'];
    expect(found(undefined, { command, isDefaultLimit: true, image: 'me/own' })).toEqual([
      'R3 high',
    ]);
    expect(
      found(undefined, { command: ['python', '-c', 'print(1)'], isDefaultLimit: true }),
    ).toEqual([]);
    expect(found(undefined, { command })).toEqual([]);
  });

  it('names where it saves', () => {
    const request: ScriptToCheck = {
      source: PUSHING,
      timeLimitS: HOUR,
      isDefaultLimit: false,
      hasGpu: true,
      dependencies: [],
      image: undefined,
      getsHubToken: true,
      hasLastingVolume: false,
    };
    expect(savesTo(request)).toBe('saves to me/model');
    expect(savesTo({ ...request, source: TRAIN })).toBeUndefined();
  });

  it('puts the serious ones first, each with a way to mend it', () => {
    const all = checkScript({
      source: TRAIN,
      timeLimitS: 1800,
      isDefaultLimit: true,
      hasGpu: false,
      dependencies: [],
      image: 'python:3.12',
      getsHubToken: false,
      hasLastingVolume: false,
    });
    expect(all.map(({ severity }) => severity)).toEqual(['high', 'high', 'medium', 'low', 'low']);
    expect(all.every(({ fix }) => fix !== '')).toBe(true);
  });
});

describe('Python text', () => {
  it.each([
    ['x = 1 # no', 'x = 1 '],
    ['"""doc"""\nx', 'pass\nx'],
    ['def f():\n    r"""doc"""\n    x', 'def f():\n    pass\n    x'],
    ['x = "# no comment"', 'x = "# no comment"'],
    ["d = {\n'a':\n'b' # c\n}", "d = {\n'a':\n'b' \n}"],
    [String.raw`x = "a\"# b"`, String.raw`x = "a\"# b"`],
    ['x = "open\ny = 2', 'x = "open\ny = 2'],
    ['"""never closed', 'pass'],
  ])('%j without comments is %j', (source, code) => {
    expect(readPython(source).code).toBe(code);
  });

  it('has no strings in its bare form', () => {
    expect(readPython(`f("push_to_hub()", '''a\nb''')`).bare).toBe(`f("", '''''')`);
  });

  it('is read in linear time, also as far as nobody writes it: a hook has to answer meanwhile', () => {
    const docstrings = readPython('"a"\n'.repeat(30_000));
    expect(docstrings.code).toBe('pass\n'.repeat(30_000));
    expect(readPython('# /// script\n'.repeat(30_000)).declared).toEqual([]);
  });
});
