import { beforeEach, expect, it } from 'vitest';
import { FakeClock, FakeStream } from '../../test/rigs/cli-terminal.ts';
import { ProgressLine } from './progress.ts';

let stream: FakeStream;
let clock: FakeClock;
let line: ProgressLine;
beforeEach(() => {
  stream = new FakeStream();
  clock = new FakeClock();
  line = new ProgressLine(stream, clock);
});
/** What a terminal shows in the line at the end. */
const visible = (): string => stream.text.split('\r\u001B[2K').at(-1) ?? '';

it('says nothing about what takes less than a second', () => {
  line.report({ message: 'quick' });
  clock.advance(900);
  line.clear();
  clock.advance(5000);
  expect(stream.text).toBe('');
});

it('rewrites one line on a terminal, with the time that passes, and takes it away', () => {
  stream.isTTY = true;
  line.report({ message: 'starting' });
  clock.advance(2000);
  expect(visible()).toBe('starting (2 s)');
  line.report({ message: 'installing', done: 2, total: 5 });
  expect(visible()).toBe('[2/5] installing (2 s)');
  line.clear();
  expect(visible()).toBe('');
  expect(stream.text).not.toContain('\n');
});

it('never fills the line, and lets no control character through', () => {
  stream.isTTY = true;
  stream.columns = 20;
  line.report({ message: `\u001B[31mred\u001B[0m\nnext\r${'x'.repeat(50)}` });
  clock.advance(1000);
  expect(visible()).toBe('red next xxxxxxxxx…');
  expect(visible().length).toBeLessThan(20);
});

it('writes plain lines elsewhere, on change and not too often', () => {
  line.report({ message: 'one' });
  clock.advance(1500);
  line.report({ message: 'two' });
  line.report({ message: 'three' });
  clock.advance(8000);
  expect(stream.text).toBe('one\n');
  clock.advance(2000);
  expect(stream.text).toBe('one\nthree\n');
  clock.advance(60_000);
  expect(stream.text).toBe('one\nthree\n');
});

it('starts anew after it was cleared', () => {
  stream.isTTY = true;
  line.report({ message: 'one' });
  clock.advance(1000);
  line.clear();
  line.report({ message: 'two' });
  expect(visible()).toBe('');
  clock.advance(1000);
  expect(visible()).toBe('two (1 s)');
});
