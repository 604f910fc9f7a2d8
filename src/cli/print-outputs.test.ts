import { expect, it } from 'vitest';
import { FakeStream } from '../../test/rigs/cli-terminal.ts';
import type { RunOutput } from './host.ts';
import { OutputPrinter } from './print-outputs.ts';

const stream = (text: string, name: 'stdout' | 'stderr' = 'stdout'): RunOutput => ({
  output_type: 'stream',
  name,
  text,
});

function setUp() {
  const [stdout, stderr] = [new FakeStream(), new FakeStream()];
  const saved: string[] = [];
  const saveImage = (data: string, type: string): Promise<string> => {
    saved.push(`${type} ${data}`);
    return Promise.resolve(`/saved/${saved.length}`);
  };
  return { stdout, stderr, saved, printer: new OutputPrinter({ stdout, stderr, saveImage }) };
}

it('prints lines as they grow, each once, and the open line at the end', async () => {
  const { stdout, printer } = setUp();
  const shown: string[] = [];
  for (const text of ['a', 'a\nb', 'a\nb\nc']) {
    await printer.update([stream(text)], false);
    shown.push(stdout.text);
  }
  await printer.update([stream('a\nb\nc')], true);
  expect([...shown, stdout.text]).toEqual(['', 'a\n', 'a\nb\n', 'a\nb\nc']);
});

it('keeps streams apart and in order', async () => {
  const { stdout, stderr, printer } = setUp();
  await printer.update([stream('out\n'), stream('err', 'stderr')], false);
  expect([stdout.text, stderr.text]).toEqual(['out\n', '']);
  await printer.update([stream('out\n'), stream('err', 'stderr'), stream('more\n')], true);
  expect([stdout.text, stderr.text]).toEqual(['out\nmore\n', 'err']);
});

it('prints a line that was rewritten afterwards again, and not what came before it', async () => {
  const { stdout, printer } = setUp();
  await printer.update([stream('head\nbar 10%\n')], false);
  await printer.update([stream('head\nbar 99%\n')], true);
  expect(stdout.text).toBe('head\nbar 10%\nbar 99%\n');
});

it('goes on after clear_output', async () => {
  const { stdout, printer } = setUp();
  await printer.update([stream('one\n'), stream('two\n', 'stderr'), stream('')], false);
  await printer.update([], false);
  await printer.update([stream('fresh\n')], true);
  expect(stdout.text).toBe('one\nfresh\n');
});

it('prints results, names images, and shows errors without colours where there is no terminal', async () => {
  const { stdout, stderr, saved, printer } = setUp();
  await printer.update(
    [
      {
        output_type: 'execute_result',
        execution_count: 1,
        metadata: {},
        data: { 'text/plain': '42', 'text/html': '<b>42</b>' },
      },
      {
        output_type: 'display_data',
        metadata: {},
        data: { 'text/plain': '<Figure>', 'image/png': 'AAAA' },
      },
      { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['\u001B[31mE\u001B[0m: v'] },
    ],
    true,
  );
  expect(stdout.text).toBe('42\n[image: /saved/1]\n');
  expect(saved).toEqual(['image/png AAAA']);
  expect(stderr.text).toBe('E: v\n');
});
