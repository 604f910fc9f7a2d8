/** hf_inspect_dataset: whether a dataset exists, can be read, and fits a training method. */
import * as z from 'zod';
import { defineTool } from '../define-tool.ts';
import { wideInt, wideText } from '../wide-input.ts';

const input = z.strictObject({
  dataset: z
    .string()
    .min(1)
    .describe('Id such as "HuggingFaceH4/ultrachat_200k", or its address on the Hub.'),
  config: wideText('Default: "default", else the first.'),
  split: wideText('Default: "train", else the first of the config.'),
  sample_rows: wideInt('Rows to show. Default: 3.', { min: 1, max: 10 }),
  offset: wideInt('First row to look at, from 0.', { min: 0 }),
  column: wideText('Show one column in full: type, statistics, values.'),
});

export type InspectInput = z.output<typeof input>;

export const hfInspectDataset = defineTool({
  name: 'hf_inspect_dataset',
  toolset: 'hub',
  title: 'Look at a dataset',
  description:
    'Looks at a dataset of the Hugging Face Hub in one call, before anything is trained on it: access, license, configs and splits with rows, columns with types, missing values and lengths, sample rows, chat format, warnings, ' +
    'and whether it is ready for SFT, DPO, reward models, KTO and GRPO, with the reason and the column mapping that would make it fit. Works without a token for public data.',
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { lookAtDataset } = await import('./dataset/run.ts');
    return lookAtDataset(arguments_, context);
  },
});
