import { describe, expect, it } from 'vitest';
import { MessageLines, type TooLargeMessage } from './message-lines.ts';

function through(chunks: readonly (string | Buffer)[], maxBytes = 1000) {
  const passed: string[] = [];
  const tooLarge: TooLargeMessage[] = [];
  const lines = new MessageLines({ maxBytes, onTooLarge: (message) => tooLarge.push(message) });
  lines.on('data', (data: Buffer) => passed.push(data.toString('utf8')));
  for (const chunk of chunks) lines.write(chunk);
  return { passed, tooLarge };
}

describe('MessageLines', () => {
  it('passes on whole lines only, however they were cut', () => {
    const bytes = Buffer.from('{"a":"é"}\n{"b":1}\n{"c":');
    const oneByOne = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect(through(oneByOne).passed).toEqual(['{"a":"é"}\n', '{"b":1}\n']);
    expect(through([bytes, '2}\n']).passed).toEqual(['{"a":"é"}\n', '{"b":1}\n', '{"c":2}\n']);
  });

  it('joins a message of many chunks into one', () => {
    const parts = Array.from({ length: 50 }, () => 'x'.repeat(10));
    expect(through([...parts, '\n']).passed).toEqual([`${'x'.repeat(500)}\n`]);
  });

  const long = 'x'.repeat(3000);
  it.each([
    ['first', `{"jsonrpc":"2.0","id":7,"method":"m","params":{"code":"${long}"}}`, 7],
    ['first, without the version', `{"id":"a-1","method":"m","params":{"code":"${long}"}}`, 'a-1'],
    ['last', `{"jsonrpc":"2.0","method":"m","params":{"code":"${long}"},"id":7}`, 7],
    ['before the version', `{"method":"m","params":{"code":"${long}"},"id":7,"jsonrpc":"2.0"}`, 7],
    [
      'nowhere but in the parameters',
      `{"method":"m","params":{"code":"${long}","id":7}}`,
      undefined,
    ],
  ])('drops what is too large and finds its id: %s', (_, message, id) => {
    const half = message.length / 2;
    const chunks = [message.slice(0, half), message.slice(half), '\n{"next":1}\n'];
    const { passed, tooLarge } = through(chunks);
    expect(tooLarge).toEqual([{ bytes: message.length + 1, id }]);
    expect(passed).toEqual(['{"next":1}\n']);
  });

  it('takes a message of exactly the limit', () => {
    expect(through([`${'x'.repeat(999)}\n`])).toMatchObject({
      passed: [expect.any(String)],
      tooLarge: [],
    });
    expect(through([`${'x'.repeat(1000)}\n`])).toMatchObject({
      passed: [],
      tooLarge: [{ bytes: 1001 }],
    });
  });
});
