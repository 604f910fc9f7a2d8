import { describe, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { trainingAdvice, type TrainingSession } from './training-advice.ts';

const HOUR_MS = 3_600_000;
const sessionWith = (...sources: string[]): TrainingSession => ({
  record: { sandboxId: 'modal-x' },
  notebook: { cells: () => sources.map((source) => ({ type: 'code', source })) },
});

/** A rented sandbox with these options and so long to live. */
const rented = (options: JsonObject = { gpu: 'T4' }, leftMs = 3 * HOUR_MS) => {
  const asked: string[] = [];
  return {
    asked,
    sandboxes: {
      origin: async (id: string) => {
        asked.push(id);
        return { backend: 'modal' as const, projectDir: '/project' };
      },
      optionsOf: async () => options,
      deadlineMs: async () => Date.now() + leftMs,
    },
  };
};

const TRAINER = 'from trl import SFTTrainer\ntrainer = SFTTrainer(model=m, train_dataset=d)';

describe('6: notebooks about to train', () => {
  it('on a rented machine: what is lost with it, once in a session', async () => {
    const session = sessionWith(TRAINER);
    const lines = await trainingAdvice(session, 'trainer.train()', rented());
    expect(lines[0]).toBe('Before it trains on a rented machine, whose disk is lost with it:');
    expect(lines[1]).toMatch(/^\[high\] it trains and saves nothing; .*sandbox_transfer/);
    expect(await trainingAdvice(session, 'trainer.train()', rented())).toEqual([]);
    expect(await trainingAdvice(sessionWith(TRAINER), 'trainer.train()', rented())).toEqual(lines);
  });

  it('what another cell saves counts, and the time that is left', async () => {
    const saves = sessionWith(
      `${TRAINER}\nargs = SFTConfig(push_to_hub=True, hub_model_id="me/m", report_to="trackio", disable_tqdm=True, logging_strategy="steps")`,
    );
    const secrets = [{ env: 'HF_TOKEN', scope: ['download', 'kernel'] }];
    const options = { gpu: 'T4', secrets };
    expect(await trainingAdvice(saves, 'trainer.train()', rented(options, HOUR_MS))).toEqual([
      expect.anything(),
      '[medium] it trains within less than 2 hours; train less, or start a sandbox with a longer limit',
      'saves to me/m',
    ]);
    const [, first] = await trainingAdvice(saves, 'trainer.train()', rented({ gpu: 'T4' }, 60_000));
    expect(first).toMatch(/^\[high\] it trains within 30 minutes|^\[high\] it pushes to the Hub/);
  });

  it('a loop of its own trains too, and a GPU that is not there is missed', async () => {
    const code = 'for x in data:\n    loss(x.cuda()).backward()\n    optimizer.step()';
    const lines = await trainingAdvice(sessionWith(), code, rented({}));
    expect(lines.join('\n')).toMatch(/it trains and saves nothing[^]*it wants a GPU/);
  });

  it.each([
    'model.train()\nmodel(x)',
    'pipe = pipeline("text-generation")\npipe("x")',
    '1 + 1',
    'print("trainer.train")',
  ])('%j costs not even a look at the record', async (code) => {
    const there = rented();
    expect(await trainingAdvice(sessionWith(TRAINER), code, there)).toEqual([]);
    expect(there.asked).toEqual([]);
  });

  it('says nothing on machines that stay, and fails no call', async () => {
    const sandboxes = {
      ...rented().sandboxes,
      origin: async () => ({ backend: 'slurm' as const, projectDir: '/project' }),
    };
    expect(await trainingAdvice(sessionWith(TRAINER), 'trainer.train()', { sandboxes })).toEqual(
      [],
    );
    const broken = {
      ...rented().sandboxes,
      origin: () => Promise.reject(new GloveboxError('sandbox/unknown', 'gone')),
    };
    expect(
      await trainingAdvice(sessionWith(TRAINER), 'trainer.train()', { sandboxes: broken }),
    ).toEqual([]);
  });
});
