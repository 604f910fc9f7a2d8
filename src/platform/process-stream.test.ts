import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { openProgram, toHostStream } from './process-stream.ts';

const env = { PATH: '/usr/bin:/bin' };
const openShell = async (script: string) =>
  toHostStream(await openProgram(['sh', '-c', script], { env }));

describe('the stream of a program', () => {
  test('a writer learns that the program closed its output and left', async () => {
    const { stream, ended } = await openShell('exec >&-; head -c 1000 >/dev/null; exit 3');
    stream.resume();
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(64 * 1024);
      })(),
    );
    await expect(pipeline(endless, stream)).rejects.toThrow();
    expect(await ended).toEqual({ code: 3, stderr: '' });
  });

  test('keeps what was printed by a program that ended before anybody read', async () => {
    const { stream, ended } = await openShell('echo kept');
    await ended;
    expect((await stream.setEncoding('utf8').toArray()).join('')).toBe('kept\n');
  });

  test('is as long as its reader wants', async () => {
    const { stream } = await openShell('head -c 3000000 /dev/zero');
    let bytes = 0;
    for await (const chunk of stream) {
      if (chunk instanceof Buffer) bytes += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bytes).toBe(3_000_000);
  });

  test('a program that is closed ends both of its sides', async () => {
    const opened = await openShell('sleep 300');
    const gone = new Promise((resolve) => opened.stream.once('close', resolve));
    opened.close();
    await gone;
    expect(await opened.ended).toMatchObject({ code: null });
  });
});
