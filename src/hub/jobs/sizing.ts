/** Which hardware fits which model: roles by name of flavor; sizes and prices are those of the Hub. */

interface Row {
  readonly model: string;
  readonly adapter: readonly string[];
  readonly full: readonly string[];
  readonly note?: string;
}

export const SIZING: readonly Row[] = [
  { model: 'up to 1B', adapter: ['t4-small', 'l4x1'], full: ['a10g-large'] },
  {
    model: '1B to 3B',
    adapter: ['l4x1', 'a10g-large'],
    full: ['a10g-largex2', 'a100-large'],
    note: 'full: a10g-largex2 to 2B, a100-large above',
  },
  {
    model: '7B to 13B',
    adapter: ['a100-large', 'l40sx1'],
    full: ['a100x4'],
    note: 'l40sx1 for QLoRA',
  },
  { model: '30B and more', adapter: ['l40sx4', 'a100x4'], full: ['a100x8', 'h200x4'] },
  {
    model: '70B and more',
    adapter: ['a100x4', 'a100-large', 'rtx-pro-6000'],
    full: ['h200x8'],
    note: 'a100-large and rtx-pro-6000 for QLoRA; h200x8 is at the limit: prefer LoRA',
  },
];

const RULE =
  'Full fine-tuning with AdamW in bf16 needs about 16 bytes per parameter plus activations; LoRA 2 per frozen parameter, QLoRA about 0.6. More than one GPU needs sharding, which the script must set up.';
const ADVICE =
  'Smoke tests: the cheapest GPU of the same generation, 15 minutes at most. Data work: cpu-upgrade; larger CPUs cost as much as small GPUs.';

/** Only with flavors that there are. */
export function renderSizing(known: readonly string[]): readonly string[] {
  const shown = (names: readonly string[]): string =>
    names.filter((name) => known.includes(name)).join(', ') || 'none that is offered now';
  const rows = SIZING.map(({ model, adapter, full, note }) => {
    const remark = note === undefined ? '' : ` (${note})`;
    return `${model}: LoRA or QLoRA ${shown(adapter)}; full ${shown(full)}${remark}`;
  });
  return ['What fits which model:', ...rows, RULE, ADVICE];
}
