/** What a caller may say about models on this machine, and what kernels are told of them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ownModelOption } from '#sandbox/models/options.ts';
import { planLocalModels } from './models.ts';
import type { LocalSettings } from './settings.ts';

let projectDir: string;
beforeEach(async () => {
  projectDir = await mkdtemp(path.join(tmpdir(), 'gb-models-'));
  await mkdir(path.join(projectDir, 'weights/tiny-2.5'), { recursive: true });
  await writeFile(path.join(projectDir, 'weights/tiny-2.5/config.json'), '{}');
});
afterEach(() => rm(projectDir, { recursive: true, force: true }));

function plan(...models: readonly object[]) {
  const settings: LocalSettings = {
    dir: path.join(projectDir, 'state'),
    pythonDir: '',
    environment: { HOME: projectDir },
    packages: [],
    offline: true,
    bindIp: '127.0.0.1',
    idleMs: 0,
    passEnvironment: [],
    // Nobody answers there.
    hubUrl: 'http://127.0.0.1:1',
  };
  const { signal } = new AbortController();
  return planLocalModels(z.array(ownModelOption).parse(models), settings, { projectDir, signal });
}

describe('L4: models on this machine', () => {
  test('a folder has its path variables at once, relative to the project, to the home folder, or absolute', async () => {
    const folder = path.join(projectDir, 'weights/tiny-2.5');
    for (const id of ['./weights/tiny-2.5', '~/weights/tiny-2.5', folder]) {
      const { kernel, paths, weights } = await plan({ id, var_name: 'subject' });
      expect(paths).toEqual({ MODEL_TINY_2_5_PATH: folder, MODEL_SUBJECT_PATH: folder });
      expect(weights).toEqual([]);
      expect(kernel).toMatchObject([
        { var: 'subject', tokenizer_var: 'subject_tokenizer', id, path: folder, is_marked: false },
      ]);
    }
  });

  test('where the Hub cannot be asked, a copy in the cache of the user does', async () => {
    await expect(plan({ id: 'tiny/model' })).rejects.toMatchObject({ code: 'http/failed' });
    const cached = path.join(projectDir, '.cache/huggingface/hub/models--tiny--model');
    const snapshot = path.join(cached, 'snapshots/c0ffee');
    await mkdir(snapshot, { recursive: true });
    await mkdir(path.join(cached, 'refs'));
    await writeFile(path.join(cached, 'refs/main'), 'c0ffee');
    await writeFile(path.join(snapshot, 'config.json'), '{}');
    const { kernel, paths } = await plan({ id: 'tiny/model' });
    expect(paths).toEqual({ MODEL_TINY_MODEL_PATH: snapshot, MODEL_MODEL_PATH: snapshot });
    expect(kernel).toMatchObject([{ id: 'tiny/model', path: snapshot, is_marked: false }]);
  });

  test('mistakes are told before anything starts', async () => {
    await expect(plan({ id: './nothing' })).rejects.toMatchObject({ code: 'path/not-found' });
    const id = './weights/tiny-2.5';
    await expect(plan({ id }, { id })).rejects.toMatchObject({
      code: 'config/invalid',
      message: 'Two models share the variable model.',
    });
    const refused = (model: object): string =>
      ownModelOption
        .safeParse(model)
        .error?.issues.map(({ message }) => message)
        .join() ?? '';
    expect(refused({ id, var_name: 'class' })).toContain('keyword');
    expect(refused({ id: 'no folder' })).toContain('must be a folder');
    // G3: it says who can.
    expect(refused({ id: 'tiny/model', hidden: true })).toContain('use modal');
  });
});
