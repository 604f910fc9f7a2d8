/** Decides for which kinds of training a dataset is ready, and what would make it fit, from the types of its columns and sampled rows. */
import type { Columns, Fit } from './columns.ts';
import { confirmed } from './confirm-fit.ts';
import { grpoFit } from './grpo-fit.ts';
import { dpoFit, ktoFit, rewardFit } from './preference-fits.ts';
import { sftFit } from './sft-fit.ts';

export const METHODS = ['SFT', 'DPO', 'reward model', 'KTO', 'GRPO'] as const;
export type Method = (typeof METHODS)[number];

export interface Verdict extends Omit<Fit, 'uses'> {
  readonly method: Method;
}

const RULES: Readonly<Record<Method, (data: Columns) => Fit>> = {
  SFT: sftFit,
  DPO: dpoFit,
  'reward model': rewardFit,
  KTO: ktoFit,
  GRPO: grpoFit,
};

export function judge(data: Columns): readonly Verdict[] {
  return METHODS.map((method) => {
    const { uses: _uses, ...fit } = confirmed(RULES[method](data), data);
    return { method, ...fit };
  });
}
