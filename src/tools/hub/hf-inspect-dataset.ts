/** hf_inspect_dataset: whether a dataset exists, can be read, and fits a training method. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { inspectDataset } from '#hub/datasets/inspect.ts';
import { parseRepo } from '#hub/repos/repo-ref.ts';
import { renderColumn, renderReport } from '../dataset-report.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { budgetOf } from '../paged-answer.ts';
import { clamp, wideInt, wideText, type Notes } from '../wide-input.ts';

export const hfInspectDataset = defineTool({
  name: 'hf_inspect_dataset',
  toolset: 'hub',
  title: 'Look at a dataset',
  description:
    'Looks at a dataset of the Hugging Face Hub in one call, before anything is trained on it: access, license, configs and splits with rows, columns with types, missing values and lengths, sample rows, chat format, warnings, ' +
    'and whether it is ready for SFT, DPO, reward models, KTO and GRPO, with the reason and the column mapping that would make it fit. Works without a token for public data.',
  input: z.strictObject({
    dataset: z
      .string()
      .min(1)
      .describe('Id such as "HuggingFaceH4/ultrachat_200k", or its address on the Hub.'),
    config: wideText('Default: "default", else the first.'),
    split: wideText('Default: "train", else the first of the config.'),
    sample_rows: wideInt('Rows to show. Default: 3.', { min: 1, max: 10 }),
    offset: wideInt('First row to look at, from 0.', { min: 0 }),
    column: wideText('Show one column in full: type, statistics, values.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(input, { hub, settings, signal }) {
    const notes: Notes = [];
    const { type, id } = parseRepo(input.dataset, hub.hosts().hub, 'dataset');
    if (type !== 'dataset') {
      throw new GloveboxError('input/invalid', `"${input.dataset}" is a ${type}, not a dataset.`, {
        hint: 'Give the id or the address of a dataset; hf_repo_files looks into models and Spaces.',
      });
    }
    const sampleRows = clamp(
      'sample_rows',
      input.sample_rows,
      { fallback: 3, min: 1, max: 10 },
      notes,
    );
    const offset = clamp('offset', input.offset, { fallback: 0, min: 0, max: 1e12 }, notes);
    const budget = budgetOf(undefined, settings, notes);
    const found = await inspectDataset(
      hub,
      {
        id,
        offset,
        ...(input.config !== undefined && { config: input.config }),
        ...(input.split !== undefined && { split: input.split }),
      },
      signal,
    );
    const meta = {
      dataset: found.facts.id,
      fit: Object.fromEntries(found.verdicts.map(({ method, fit }) => [method, fit])),
    };
    if (input.column === undefined)
      return textResult(renderReport(found, { sampleRows, offset, notes, budget }), meta);
    if (!found.types.has(input.column)) {
      const names = [...found.types.keys()];
      throw new GloveboxError(
        'input/invalid',
        `${found.facts.id} has no column "${input.column}".${didYouMean(input.column, names)}`,
        { hint: `Columns: ${names.join(', ') || 'not known'}.` },
      );
    }
    return textResult(renderColumn(found, input.column, budget), meta);
  },
});
