/** All that a run printed, in pages and as it comes. */
import { expect, it } from 'vitest';
import type { CellOutput } from '#notebook/contract.ts';
import { createOutputCollector, type OutputMessage } from '#notebook/output-collector.ts';
import type { StoredMessage } from './journal.ts';
import { PageIndex } from './page-index.ts';
import { pageRunOutput, type PageRequest } from './page-run.ts';
import { restFollower } from './rest-of-output.ts';

const print = (text: string, name = 'stdout'): StoredMessage => ({
  id: 'm',
  type: 'stream',
  content: { name, text },
});

/** Bytes are messages here. */
const from = (messages: readonly StoredMessage[]): PageRequest['read'] =>
  async function* read(start) {
    for (const [at, message] of messages.entries()) {
      if (at >= start) yield { message, end: at + 1 };
    }
  };

async function allPages(messages: readonly StoredMessage[], maxChars: number): Promise<string> {
  let text = '';
  for (let offset: number | undefined = 0; offset !== undefined;) {
    expect(offset).toBe(text.length);
    // oxlint-disable-next-line no-await-in-loop
    const page = await pageRunOutput({
      read: from(messages),
      maxOutputBytes: 1000,
      offset,
      maxChars,
    });
    expect(page.text.length).toBeLessThanOrEqual(maxChars);
    text += page.text;
    if (page.nextOffset === undefined) expect(page.totalChars).toBe(text.length);
    offset = page.nextOffset;
  }
  return text;
}

const lines = Array.from({ length: 400 }, (_, n) => `line ${n} of the output\n`);

it('O9: the pages together are every line once, in order, also beyond the limit', async () => {
  const messages = lines.map((line) => print(line));
  expect(await allPages(messages, 700)).toBe(lines.join(''));
  expect(await allPages([print(lines.join(''))], 333)).toBe(lines.join(''));
});

it('C13: what a server did not keep is said once, in its place', async () => {
  const metadata = { glovebox_not_kept: { text_bytes: 7 } };
  const said = { ...print('[Not kept: much]\n', 'stderr'), metadata };
  const messages = [...lines.slice(0, 200).map((line) => print(line)), said, print('newest\n')];
  const all = [...lines.slice(0, 200), '[stderr]\n[Not kept: much]\n', 'newest\n'].join('');
  expect(await allPages(messages, 700)).toBe(all);
});

it('O9: an offset stays valid while more is printed', async () => {
  const messages = lines.map((line) => print(line));
  const options = { maxOutputBytes: 1000, offset: 3000, maxChars: 500 };
  const early = await pageRunOutput({ read: from(messages.slice(0, 200)), ...options });
  const late = await pageRunOutput({ read: from(messages), ...options });
  expect(early.text).not.toBe('');
  expect(late.text).toBe(early.text);
});

it('O9: the open last line is delivered and not counted', async () => {
  const messages = [print(lines.join('')), print('open')];
  const whole = lines.join('').length;
  const page = await pageRunOutput({
    read: from(messages),
    maxOutputBytes: 1000,
    offset: whole,
    maxChars: 500,
  });
  expect(page).toMatchObject({ text: 'open', nextOffset: undefined, resumeOffset: whole });
});

it('an offset behind the end answers nothing', async () => {
  const page = await pageRunOutput({
    read: from([print('short\n')]),
    maxOutputBytes: 1000,
    offset: 1_000_000,
    maxChars: 500,
  });
  expect(page).toMatchObject({ text: '', nextOffset: undefined, totalChars: 6 });
});

it('the error stands at the end, and a picture is named', async () => {
  const data = { 'text/plain': 'a table' };
  const error = { ename: 'ValueError', evalue: 'no', traceback: ['ValueError: no'] };
  const text = await allPages(
    [
      print(lines.join('')),
      { id: 'd', type: 'display_data', content: { data, metadata: {} } },
      { id: 'e', type: 'error', content: error },
    ],
    2000,
  );
  expect(text.indexOf('a table')).toBeGreaterThan(text.indexOf('line 399'));
  expect(text.indexOf('ValueError: no')).toBeGreaterThan(text.indexOf('a table'));
});

it('cleared output is not there', async () => {
  const clear: StoredMessage = { id: 'c', type: 'clear_output', content: { wait: true } };
  expect(await allPages([print(lines.join('')), clear, print('after\n')], 2000)).toBe('after\n');
});

it('overwritten lines beyond the limit are shown as a terminal leaves them', async () => {
  const bar = Array.from({ length: 100 }, (_, n) => print(`\r${n} %`));
  const text = await allPages([print(lines.join('')), ...bar], 2000);
  expect(text.endsWith('line 399 of the output\n99 %')).toBe(true);
});

it('with an index, a page reads only what it shows and what is new, and says the same', async () => {
  const block = `${'y'.repeat(99)}\n`.repeat(1000);
  const messages = Array.from({ length: 60 }, (_, n) => print(`part ${n}\n${block}`));
  const data = { 'text/plain': 'a table' };
  messages.splice(30, 0, { id: 'd', type: 'display_data', content: { data, metadata: {} } });
  const index = new PageIndex();
  let reads = 0;
  const counting = (all: readonly StoredMessage[]): PageRequest['read'] =>
    async function* read(start) {
      for await (const placed of from(all)(start)) {
        reads += 1;
        yield placed;
      }
    };
  const page = (offset: number, all = messages): Promise<unknown> =>
    pageRunOutput({ read: counting(all), index, maxOutputBytes: 1000, maxChars: 500, offset });
  const plain = (offset: number, all = messages): Promise<unknown> =>
    pageRunOutput({ read: from(all), maxOutputBytes: 1000, maxChars: 500, offset });
  await page(0, messages.slice(0, 40));
  expect(reads).toBe(40);
  for (const offset of [5_800_000, 3_000_000, 4_500_000, 100_000, 0, 9_000_000]) {
    reads = 0;
    // oxlint-disable-next-line no-await-in-loop
    expect(await page(offset)).toEqual(await plain(offset));
    expect(reads).toBeLessThan(25);
  }
  const cleared = [...messages, { id: 'c', type: 'clear_output', content: { wait: false } }];
  expect(await page(0, [...cleared, print('after\n')])).toMatchObject({ text: 'after\n' });
  expect(index.last).toBeUndefined();
});

const stream = (text: string, name = 'stdout') => ({ output_type: 'stream', name, text });

it('tells what is kept once, and all that comes after it in order and as it was printed', () => {
  const collector = createOutputCollector({ maxBytes: 10 });
  const told: (readonly CellOutput[] | CellOutput)[] = [];
  const follow = restFollower(collector, {
    begin: (kept) => void told.push(kept),
    output: (output) => void told.push(output),
  });
  const say = (message: OutputMessage): void => {
    collector.add(message);
    follow(message);
  };
  say(print('1234567é'));
  expect(told).toEqual([]);
  say(print('\u{1f600}the rest\r'));
  const figure = { data: { 'text/plain': 'a figure' }, metadata: {} };
  say({ type: 'display_data', content: figure });
  say(print('more', 'stderr'));
  say({ type: 'clear_output', content: {} });
  say({ type: 'error', content: { ename: 'E', evalue: 'v', traceback: ['E: v'] } });
  expect(told).toEqual([
    [stream('1234567é')],
    stream('\u{1f600}the rest\r'),
    { output_type: 'display_data', ...figure },
    stream('more', 'stderr'),
    { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['E: v'] },
  ]);
});
