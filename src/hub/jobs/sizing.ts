/** Which hardware fits which model: roles by name of flavor; sizes and prices are those of the Hub. */

/** A flavor, and for what of the column where not for all of it. */
type Choice = readonly [flavor: string, remark?: string];

interface Row {
  readonly model: string;
  readonly adapter: readonly Choice[];
  readonly full: readonly Choice[];
}

const SIZING: readonly Row[] = [
  { model: 'up to 1B', adapter: [['t4-small'], ['l4x1']], full: [['a10g-large']] },
  {
    model: '1B to 3B',
    adapter: [['l4x1'], ['a10g-large']],
    full: [['a10g-largex2', 'to 2B'], ['a100-large']],
  },
  {
    model: '7B to 13B',
    adapter: [['a100-large'], ['l40sx1', 'QLoRA']],
    full: [['a100x4']],
  },
  {
    model: '30B and more',
    adapter: [['l40sx4'], ['a100x4']],
    full: [['a100x8'], ['h200x4']],
  },
  {
    model: '70B and more',
    adapter: [['a100x4'], ['a100-large', 'QLoRA'], ['rtx-pro-6000', 'QLoRA']],
    full: [['h200x8', 'at the limit: prefer LoRA']],
  },
];

const RULE =
  'Full fine-tuning with AdamW in bf16 needs about 16 bytes per parameter plus activations; LoRA 2 per frozen parameter, QLoRA about 0.6. More than one GPU needs sharding, which the script must set up.';
const ADVICE =
  'Smoke tests: the cheapest GPU of the same generation, 15 minutes at most. Data work: cpu-upgrade; larger CPUs cost as much as small GPUs.';

/** Only with flavors that there are. */
export function renderSizing(known: readonly string[]): readonly string[] {
  const shown = (choices: readonly Choice[]): string =>
    choices
      .filter(([flavor]) => known.includes(flavor))
      .map(([flavor, remark]) => (remark === undefined ? flavor : `${flavor} (${remark})`))
      .join(', ') || 'nothing that is offered now';
  const rows = SIZING.map(
    ({ model, adapter, full }) => `${model}: LoRA or QLoRA ${shown(adapter)}; full ${shown(full)}`,
  );
  return ['What fits which model:', ...rows, RULE, ADVICE];
}
