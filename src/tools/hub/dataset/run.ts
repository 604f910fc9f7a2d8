/** Answers hf_inspect_dataset: the whole report, or one column. */
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { inspectDataset } from '#hub/datasets/inspect.ts';
import { parseRepo } from '#hub/repos/repo-ref.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { budgetOf } from '../../paged-answer.ts';
import { clamp, type Notes } from '../../wide-input.ts';
import type { InspectInput } from '../hf-inspect-dataset.ts';
import { renderColumn, renderReport } from './report.ts';

export async function lookAtDataset(
  input: InspectInput,
  { hub, settings, signal }: ToolContext,
): Promise<ToolResult> {
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
}
