/** What a kernel sends, as the outputs that a notebook stores. */
import { describe, expect, it } from 'vitest';
import type { CellOutput } from './contract.ts';
import {
  applyDisplayUpdate,
  createOutputCollector,
  type OutputMessage,
} from './output-collector.ts';
import { piecesOf } from './growing-text.ts';

type Content = OutputMessage['content'];

const stream = (text: string, name = 'stdout'): OutputMessage => ({
  type: 'stream',
  content: { name, text },
});
const display = (text: string, id?: string): OutputMessage => ({
  type: 'display_data',
  content: {
    data: { 'text/plain': text },
    metadata: {},
    ...(id !== undefined && { transient: { display_id: id } }),
  },
});
const update = (text: string, id: string): OutputMessage => ({
  ...display(text, id),
  type: 'update_display_data',
});
const clear = (wait: boolean): OutputMessage => ({ type: 'clear_output', content: { wait } });

function collect(messages: readonly OutputMessage[], maxBytes?: number) {
  const collector = createOutputCollector(maxBytes === undefined ? {} : { maxBytes });
  for (const message of messages) collector.add(message);
  return collector;
}
const shown = (messages: readonly OutputMessage[]): readonly string[] =>
  collect(messages).outputs.map(brief);
function brief(output: CellOutput): string {
  if (output.output_type === 'stream') return `${output.name}: ${output.text}`;
  if (output.output_type === 'error') return `error: ${output.ename}`;
  return `${output.output_type}: ${String(output.data['text/plain'])}`;
}

describe('O1: streams', () => {
  it('of one name become one output', () => {
    const prints = Array.from({ length: 300 }, (_, index) => stream(`${index}\n`));
    expect(collect(prints).outputs).toHaveLength(1);
  });

  it('X59: stay apart and in order', () => {
    expect(shown([stream('a'), stream('b', 'stderr'), stream('c', 'stderr'), stream('d')])).toEqual(
      ['stdout: a', 'stderr: bc', 'stdout: d'],
    );
  });

  it('X56: apply what a bar does, across chunks', () => {
    expect(
      shown([
        stream('\r 10%', 'stderr'),
        stream('\r 20%', 'stderr'),
        stream('\r', 'stderr'),
        stream('100%\n', 'stderr'),
      ]),
    ).toEqual(['stderr: 100%\n']);
  });

  it('leave no trace when all of it was erased', () => {
    const erased = [display('a', 'id'), stream('gone\r\u001b[2K'), display('b', 'id')];
    expect(shown(erased)).toEqual(['display_data: a', 'display_data: b']);
    expect(collect(erased).displays.get('id')).toEqual([0, 1]);
  });
});

describe('O2: other outputs', () => {
  it('keep the whole bundle and metadata, and nothing of transient', () => {
    const data = {
      'text/html': '<b>',
      'image/png': 'AA==',
      'application/json': { a: [1] },
      'application/x+json': [],
    };
    const content: Content = {
      data,
      metadata: { 'image/png': { width: 1 } },
      transient: { display_id: 'x' },
      execution_count: 4,
    };
    expect(
      collect([
        { type: 'execute_result', content },
        { type: 'display_data', content },
      ]).outputs,
    ).toEqual([
      { output_type: 'execute_result', data, metadata: content['metadata'], execution_count: 4 },
      { output_type: 'display_data', data, metadata: content['metadata'] },
    ]);
  });

  it('X62: keep what was printed before an error', () => {
    const error = {
      type: 'error',
      content: { ename: 'ValueError', evalue: 'x', traceback: ['\u001b[31mTraceback', 'x'] },
    };
    expect(collect([stream('before'), error]).outputs).toEqual([
      { output_type: 'stream', name: 'stdout', text: 'before' },
      {
        output_type: 'error',
        ename: 'ValueError',
        evalue: 'x',
        traceback: ['\u001b[31mTraceback', 'x'],
      },
    ]);
  });

  it.each<[string, OutputMessage]>([
    ['a type that is no output', { type: 'status', content: { execution_state: 'busy' } }],
    ['a stream without text', { type: 'stream', content: { name: 'stdout' } }],
    ['an empty stream', stream('')],
    ['a display without data', { type: 'display_data', content: {} }],
    ['an update of nothing', update('x', 'nobody')],
  ])('do not come from %s', (_, message) => {
    const collector = collect([message]);
    expect(collector.outputs).toEqual([]);
    expect(collector.changed).toBe(0);
  });

  it('are made valid where a kernel is sloppy', () => {
    const outputs = collect([
      stream('a', 'stdlog'),
      {
        type: 'display_data',
        content: {
          data: { 'text/plain': 7, 'text/html': ['a', 'b'], 'image/png': null },
          metadata: [],
        },
      },
      { type: 'execute_result', content: { data: {}, metadata: {}, execution_count: 'x' } },
      { type: 'error', content: { traceback: 'x' } },
    ]).outputs;
    expect(outputs).toEqual([
      { output_type: 'stream', name: 'stdout', text: 'a' },
      {
        output_type: 'display_data',
        data: { 'text/plain': '7', 'text/html': 'ab', 'image/png': 'null' },
        metadata: {},
      },
      { output_type: 'execute_result', data: {}, metadata: {}, execution_count: null },
      { output_type: 'error', ename: '', evalue: '', traceback: [] },
    ]);
  });
});

describe('O3, X57: displays', () => {
  it('are updated wherever they stand, and none is added', () => {
    const messages = [
      display('a', 'id'),
      stream('x'),
      display('b', 'id'),
      display('c', 'other'),
      update('new', 'id'),
    ];
    expect(shown(messages)).toEqual([
      'display_data: new',
      'stdout: x',
      'display_data: new',
      'display_data: c',
    ]);
    expect(Object.fromEntries(collect(messages).displays)).toEqual({ id: [0, 2], other: [3] });
  });

  it('stay execute results when they are', () => {
    const result = { ...display('a', 'id'), type: 'execute_result' };
    expect(shown([result, update('b', 'id')])).toEqual(['execute_result: b']);
  });

  it('of an earlier cell are updated in its outputs', () => {
    const { outputs } = collect([display('a'), stream('x'), display('b')]);
    const after = applyDisplayUpdate(outputs, [1, 2, 9], { 'text/plain': 'new' }, { m: 1 });
    expect(after.map(brief)).toEqual(['display_data: a', 'stdout: x', 'display_data: new']);
    expect(after[2]).toMatchObject({ metadata: { m: 1 } });
    expect([after[0], after[1]]).toEqual([outputs[0], outputs[1]]);
    expect(after[0]).toBe(outputs[0]);
  });

  it('are gone after clear_output', () => {
    const messages = [stream('a'), display('b', 'id'), clear(false)];
    expect(shown(messages)).toEqual([]);
    expect(collect(messages).displays.size).toBe(0);
    expect(shown([...messages, update('c', 'id')])).toEqual([]);
  });

  it('wait for the next output when clear_output says so', () => {
    expect(shown([stream('a'), clear(true)])).toEqual(['stdout: a']);
    expect(shown([stream('a'), clear(true), stream('b')])).toEqual(['stdout: b']);
    expect(shown([stream('a'), clear(true), display('b'), stream('c')])).toEqual([
      'display_data: b',
      'stdout: c',
    ]);
    expect(shown([stream('a'), clear(true), clear(false), stream('b'), stream('c')])).toEqual([
      'stdout: bc',
    ]);
  });
});

describe('O5: a cell that prints too much', () => {
  const noise = (count: number): readonly OutputMessage[] =>
    Array.from({ length: count }, () => stream('0123456789'));

  it('keeps the head and says what was left out', () => {
    const collector = collect(noise(100), 95);
    expect(collector.droppedBytes).toBe(905);
    expect(collector.textBytes).toBe(95);
    expect(collector.outputs).toEqual([
      { output_type: 'stream', name: 'stdout', text: '0123456789'.repeat(10).slice(0, 95) },
      {
        output_type: 'stream',
        name: 'stderr',
        text: expect.stringContaining('905 B of further output were left out'),
      },
    ]);
  });

  it('is never cut inside of a letter', () => {
    for (let maxBytes = 1; maxBytes < 12; maxBytes += 1) {
      const [first] = collect([stream('a\u{1f600}é\u{1f600}')], maxBytes).outputs;
      const text = first?.output_type === 'stream' && first.name === 'stdout' ? first.text : '';
      expect('a\u{1f600}é\u{1f600}'.startsWith(text)).toBe(true);
      expect(text.isWellFormed()).toBe(true);
    }
  });

  it('has its plots and its error all the same', () => {
    const error = {
      type: 'error',
      content: { ename: 'E', evalue: '', traceback: ['long'.repeat(50)] },
    };
    const outputs = collect([...noise(100), display('a picture'), error], 95).outputs.map(brief);
    expect(outputs.slice(2)).toEqual(['display_data: a picture', 'error: E']);
  });

  it('leaves out a picture whole, and the text behind it', () => {
    const collector = collect([stream('a'), display('x'.repeat(501)), stream('b')], 100);
    expect(collector.outputs.map(brief).slice(0, 1)).toEqual(['stdout: a']);
    expect(collector.outputs).toHaveLength(2);
    expect(collector.droppedBytes).toBe(502);
  });

  it('does not change any more when what is left out is kept elsewhere', () => {
    const overflow = { marker: 'more', text() {}, display() {}, clear() {} };
    const collector = createOutputCollector({ maxBytes: 95, overflow });
    for (const message of noise(100)) collector.add(message);
    const { changed, outputs } = collector;
    collector.add(stream('more'));
    expect(collector.changed).toBe(changed);
    expect(collector.outputs).toBe(outputs);
    collector.add(display('a picture'));
    expect(collector.changed).not.toBe(changed);
  });

  it('is not full of what was overwritten', () => {
    const bar = Array.from({ length: 1_000 }, (_, index) => stream(`\r${index} of 1000`));
    const collector = collect(bar, 100);
    expect(collector.droppedBytes).toBe(0);
    expect(collector.outputs.map(brief)).toEqual(['stdout: 999 of 1000']);
  });

  it('begins anew after clear_output', () => {
    const collector = collect([...noise(100), clear(false), stream('x')], 95);
    expect(collector.droppedBytes).toBe(0);
    expect(collector.outputs.map(brief)).toEqual(['stdout: x']);
  });
});

describe('reading the outputs', () => {
  it('long text is the same however it is read, and keeps what it was', () => {
    const collector = createOutputCollector();
    let whole = '';
    for (let line = 0; line < 5000; line += 1) {
      const text = `${line} ${'ä'.repeat(line % 90)}${line % 7 === 0 ? '\n' : ''}`;
      whole += text;
      collector.add(stream(text));
    }
    const [output] = collector.outputs;
    collector.add(stream('later'));
    if (output?.output_type !== 'stream') throw new Error('no stream');
    expect(output.text).toBe(whole);
    expect(piecesOf(output).length).toBeGreaterThan(2);
    expect(piecesOf(output).join('')).toBe(whole);
    expect({ ...output }).toEqual({ output_type: 'stream', name: 'stdout', text: whole });
  });

  it('gives the same objects for what did not change', () => {
    const collector = collect([stream('a'), display('b', 'id'), stream('c')]);
    const before = collector.outputs;
    expect(collector.outputs).toBe(before);
    const { changed } = collector;
    collector.add(stream('d'));
    expect(collector.changed).not.toBe(changed);
    expect(collector.outputs[0]).toBe(before[0]);
    expect(collector.outputs[1]).toBe(before[1]);
    expect(collector.outputs[2]).not.toBe(before[2]);
    collector.add(update('new', 'id'));
    expect(collector.outputs[0]).toBe(before[0]);
    expect(collector.outputs[1]).not.toBe(before[1]);
  });

  it('is possible after each of a hundred thousand chunks', () => {
    const collector = createOutputCollector({ maxBytes: 50 * 1024 * 1024 });
    for (let chunk = 0; chunk < 100_000; chunk += 1) {
      collector.add(stream(`${'x'.repeat(98)}\n`));
      if (collector.outputs.length !== 1) throw new Error('more than one stream');
    }
    expect(collector.textBytes).toBe(9_900_000);
  });
});
