/** Widgets in words, from the messages that ipywidgets and tqdm send. */
import { describe, expect, it } from 'vitest';
import type { KernelMessage } from '#jupyter/contract.ts';
import { WIDGET_MIME } from '#notebook/contract.ts';
import { createOutputCollector } from '#notebook/output-collector.ts';
import { renderTranscript } from '#notebook/render/transcript.ts';
import { WidgetViews } from './widget-views.ts';

type Content = Readonly<Record<string, unknown>>;

/** A kernel's side of a conversation, and what a cell shows of it. */
class Cell {
  nowMs = 0;
  readonly types: string[] = [];
  readonly #views = new WidgetViews({ monotonic: () => this.nowMs });
  readonly #collector = createOutputCollector();

  send(msg_type: string, content: Content): void {
    const header = { msg_id: `m${this.types.length}`, msg_type, session: 's' };
    const message: KernelMessage = {
      channel: 'iopub',
      header,
      parentHeader: { msg_id: 'run' },
      metadata: {},
      content,
      buffers: [],
    };
    for (const each of this.#views.follow(message)) {
      this.types.push(each.header.msg_type);
      this.#collector.add({ type: each.header.msg_type, content: each.content });
    }
  }

  open(comm_id: string, state: Content, target_name = 'jupyter.widget'): void {
    this.send('comm_open', { comm_id, target_name, data: { state, buffer_paths: [] } });
  }

  set(comm_id: string, state: Content): void {
    this.send('comm_msg', { comm_id, data: { method: 'update', state } });
  }

  show(model_id: string, plain: string): void {
    const data = { 'text/plain': plain, [WIDGET_MIME]: { model_id, version_major: 2 } };
    this.send('display_data', { data, metadata: {} });
  }

  idle(): void {
    this.send('status', { execution_state: 'idle' });
  }

  get text(): string {
    return renderTranscript(this.#collector.outputs);
  }
}

/** As `tqdm.auto` makes it: a text, a bar, a text. */
function openBar(cell: Cell): void {
  cell.open('layout', { _model_name: 'LayoutModel' });
  cell.open('left', { _model_name: 'HTMLModel', value: 'train:   0%' });
  cell.open('bar', { _model_name: 'FloatProgressModel', value: 0, max: 50 });
  cell.open('right', { _model_name: 'HTMLModel', value: ' 0/50 [00:00&lt;?, ?it/s]' });
  const children = ['IPY_MODEL_left', 'IPY_MODEL_bar', 'IPY_MODEL_right'];
  cell.open('box', { _model_name: 'HBoxModel', children });
  cell.show('box', 'train:   0%|          | 0/50 [00:00<?, ?it/s]');
}

describe('O4: progress widgets', () => {
  it('show how far they are, at the end of the run and a few times before', () => {
    const cell = new Cell();
    openBar(cell);
    expect(cell.text).toBe('[display, widget]\ntrain: 0%|          | 0/50 [00:00<?, ?it/s]');
    for (let n = 1; n <= 50; n += 1) {
      cell.nowMs += 100;
      cell.set('bar', { value: n });
      cell.set('left', { value: `train: ${n * 2}%` });
      cell.set('right', { value: ` ${n}/50 [00:05&lt;00:00, 10.00it/s]` });
    }
    cell.idle();
    expect(cell.text).toBe(
      '[display, widget]\ntrain: 100%|██████████| 50/50 [00:05<00:00, 10.00it/s]',
    );
    const updates = cell.types.filter((type) => type === 'update_display_data').length;
    expect(updates).toBeGreaterThan(2);
    expect(updates).toBeLessThan(10);
  });

  it('say what comes next only after what they showed', () => {
    const cell = new Cell();
    openBar(cell);
    cell.send('stream', { name: 'stdout', text: 'begun\n' });
    cell.set('bar', { value: 25 });
    cell.send('stream', { name: 'stdout', text: 'half\n' });
    expect(cell.types).toEqual(['display_data', 'stream', 'update_display_data', 'stream']);
    expect(cell.text).toContain('|█████     |');
  });

  it('are "description value/max" where they stand alone', () => {
    const cell = new Cell();
    cell.open('p', { _model_name: 'IntProgressModel', description: 'epochs', value: 3, max: 10 });
    cell.show('p', 'IntProgress(value=3)');
    expect(cell.text).toBe('[display, widget]\nepochs 3/10');
  });

  it('vanish when they are closed', () => {
    const cell = new Cell();
    openBar(cell);
    cell.send('comm_close', { comm_id: 'box', data: {} });
    cell.idle();
    expect(cell.text).toBe('');
  });
});

describe('other widgets', () => {
  it('in a box are named beside what it says', () => {
    const cell = new Cell();
    cell.open('label', { _model_name: 'LabelModel', value: 'pick <one>' });
    cell.open('slider', { _model_name: 'IntSliderModel', description: 'n', value: 5 });
    const children = ['IPY_MODEL_label', 'IPY_MODEL_slider', 'IPY_MODEL_box'];
    cell.open('box', { _model_name: 'VBoxModel', children });
    cell.show('box', 'VBox(...)');
    expect(cell.text).toBe("[display, widget]\npick <one>\nIntSlider(value=5, description='n')");
  });

  it.each([
    ['that nobody moves', 'jupyter.widget', { _model_name: 'IntSliderModel', value: 5 }],
    ['of another kind', 'matplotlib', { _model_name: 'HTMLModel', value: 'x' }],
    ['whose state makes no sense', 'jupyter.widget', { _model_name: 7 }],
  ])('%s stay as they were first shown', (_, target, state) => {
    const cell = new Cell();
    cell.open('w', state, target);
    cell.show('w', 'IntSlider(value=5)');
    cell.set('w', { value: 6 });
    cell.idle();
    expect(cell.text).toBe('[display, widget view, as first shown]\nIntSlider(value=5)');
    expect(cell.types).toEqual(['display_data', 'status']);
  });
});
