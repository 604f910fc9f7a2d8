/** What a caller may say about models on this machine, and what kernels are told of them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { localModel, planLocalModels } from './models.ts';

let projectDir: string;
beforeEach(async () => {
  projectDir = await mkdtemp(path.join(tmpdir(), 'gb-models-'));
  await mkdir(path.join(projectDir, 'weights/tiny-2.5'), { recursive: true });
  await writeFile(path.join(projectDir, 'weights/tiny-2.5/config.json'), '{}');
});
afterEach(() => rm(projectDir, { recursive: true, force: true }));

const plan = (...models: readonly object[]) =>
  planLocalModels(z.array(localModel).parse(models), { projectDir, homeDir: projectDir });

describe('L4: models on this machine', () => {
  test('a folder has its path variables at once, relative to the project, to the home folder, or absolute', async () => {
    const folder = path.join(projectDir, 'weights/tiny-2.5');
    for (const id of ['./weights/tiny-2.5', '~/weights/tiny-2.5', folder]) {
      const { specs, variables } = await plan({ id, var_name: 'subject' });
      expect(variables).toEqual({ MODEL_TINY_2_5_PATH: folder, MODEL_SUBJECT_PATH: folder });
      expect(specs).toMatchObject([
        { var: 'subject', tokenizer_var: 'subject_tokenizer', id, path: folder, is_users: true },
      ]);
    }
  });

  test('a repository of the Hub is fetched by the kernel, which sets them then', async () => {
    const { specs, variables } = await plan({ id: 'google/gemma-2-2b', revision: 'abc' });
    expect(variables).toEqual({});
    expect(specs).toMatchObject([
      {
        fetch: {
          repository: 'google/gemma-2-2b',
          revision: 'abc',
          variables: ['MODEL_GOOGLE_GEMMA_2_2B_PATH', 'MODEL_MODEL_PATH'],
        },
      },
    ]);
  });

  test('mistakes are told before anything starts', async () => {
    await expect(plan({ id: './nothing' })).rejects.toMatchObject({ code: 'path/not-found' });
    const id = './weights/tiny-2.5';
    await expect(plan({ id }, { id })).rejects.toMatchObject({
      code: 'config/invalid',
      message: 'Two models share the variable model.',
    });
    expect(localModel.safeParse({ id, var_name: 'class' }).success).toBe(false);
    expect(localModel.safeParse({ id: 'no folder' }).success).toBe(false);
  });
});
