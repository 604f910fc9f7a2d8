/** What is sent to a login shell, run by the shells of this machine; what comes back, taken apart. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { parseRemoteOutput, renderRemoteRun, renderRemoteStream } from './remote-script.ts';

const mark = 'mark-0123';

function runIn(shell: string, line: string, input = ''): { stdout: string; stderr: string } {
  // Login files of this machine are nobody's business.
  const env = { PATH: '/usr/bin:/bin', HOME: '/nowhere' };
  return spawnSync(shell, ['-c', line], { input, env, encoding: 'utf8' });
}

describe('a command line for a login shell', () => {
  test.each(['sh', 'bash'])(
    'S2: %s gets every word, and the code comes after the output',
    (shell) => {
      const argv = [
        'sh',
        '-c',
        'printf "[%s]" "$@"; cat; echo err >&2; exit 5',
        'sh',
        "it's",
        '$x\n',
      ];
      const channel = runIn(shell, renderRemoteRun(mark, { argv }, 5), 'input and what follows');
      expect(parseRemoteOutput(mark, channel)).toEqual({
        begun: true,
        missing: false,
        code: 5,
        stdout: "[it's][$x\n]input",
        stderr: 'err\n',
      });
    },
  );

  test('holds nothing that shells understand differently', () => {
    const line = renderRemoteRun(mark, { argv: ["a'b\\c!d\ne"] }, 0);
    expect(line).toMatch(/^exec \/bin\/sh -c '[^'\\!\n]*' '[^'!\n]*'$/);
  });

  test('a stream begins after the line with the mark', () => {
    const { stdout } = runIn('sh', renderRemoteStream(mark, { argv: ['cat'] }), 'bytes');
    expect(stdout).toBe(`\n${mark}\nbytes`);
  });

  test('a missing program is told instead of a code', () => {
    const channel = runIn('sh', renderRemoteRun(mark, { argv: ['no-such-program'] }, 0));
    expect(parseRemoteOutput(mark, channel)).toMatchObject({ begun: false, missing: true });
  });

  test.each([
    [{ argv: ['env'], env: { 'A B': 'x' } }],
    [{ argv: ['env'], env: { 'A;id': 'x' } }],
    [{ argv: ['env'], withoutEnv: ['*'] }],
    [{ argv: ['env'], withoutEnv: ['A*B'] }],
    [{ argv: ['a\0'] }],
  ])('%j is refused', (command) => {
    expect(() => renderRemoteRun(mark, command, 0)).toThrow(
      expect.objectContaining({ code: 'input/invalid' }),
    );
  });

  test('what no shell takes in one argument is refused', () => {
    expect(() => renderRemoteRun(mark, { argv: ['echo', 'x'.repeat(200_000)] }, 0)).toThrow(
      expect.objectContaining({ code: 'input/too-large' }),
    );
  });
});

describe('what comes through the channel', () => {
  const parse = (stdout: string, stderr = '') => parseRemoteOutput(mark, { stdout, stderr });

  test('S2: login files may print before and after, also the mark within a line', () => {
    const stdout = `banner ${mark}\n\n${mark}\nout\n ${mark} 9\n\n${mark} 0\n`;
    const stderr = `noise\n\n${mark}\nerr\n\n${mark}\nlogout`;
    expect(parse(stdout, stderr)).toMatchObject({
      code: 0,
      stdout: `out\n ${mark} 9\n`,
      stderr: 'err\n',
    });
  });

  test('S2: without its end nothing is known of the code', () => {
    expect(parse(`\n${mark}\nhalf`)).toMatchObject({ begun: true, stdout: 'half' });
    expect(parse(`\n${mark}\nhalf\n${mark} `)).not.toHaveProperty('code');
    expect(parse('banner')).toMatchObject({ begun: false });
  });

  test('of very long output the beginning may be gone, with its mark', () => {
    expect(parse(`tail\n${mark} 3\n`)).toMatchObject({ begun: true, code: 3, stdout: 'tail' });
  });
});
