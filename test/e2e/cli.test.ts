/** The built command line on this machine: the table of S29, with a real server behind it. */
import { readFileSync, statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import { prepareForKernels, unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { createCli, type Cli } from '../rigs/cli.ts';

function cliOf(bundle: Bundle): Cli {
  const env = { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...prepareForKernels(bundle) };
  const program = [process.execPath, bundle.file('cli.mjs')];
  return createCli({ cwd: bundle.project, env, program });
}

it('S29: start, status, logs, open, stop, and what each of them says when nothing is there', async () => {
  const cli = cliOf(unpackBundle());
  for (const [words, code] of [
    [['status'], 4],
    [['wait', '--timeout', '1'], 4],
    [['logs'], 4],
    [['open'], 4],
    [['stop'], 0],
  ] as const)
    expect({ words, code: (await cli(...words)).code }).toEqual({ words, code });

  const started = await cli('start');
  expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining('state: ready') });
  const again = await cli('start', '--python', 'managed', '--json');
  expect(again.json()).toMatchObject({ state: 'ready', ignored_options: ['python'] });
  expect((await cli('wait')).code).toBe(0);

  const status = await cli('status', '--json');
  expect(status).toMatchObject({ code: 0, stderr: '' });
  expect(status.json()).toMatchObject({ sandboxes: [{ state: 'ready', sessions: [] }] });
  const log = await cli('logs', '-n', '5', '--json');
  expect(log.json()).toMatchObject({ lines: expect.arrayContaining([expect.any(String)]) });

  const page = (await cli('open', '--print')).stdout.trim();
  expect(statSync(page).mode & 0o777).toBe(0o600);
  const token = /token=(\w{20,})/.exec(readFileSync(page, 'utf8'))?.[1] ?? 'no token';
  const human = await cli('status');
  const logs = await cli('logs', '-n', '1000');
  for (const said of [started, again, status, human, log, logs])
    expect(said.stdout + said.stderr).not.toContain(token);

  const follower = cli.start('logs', '-f');
  await follower.says('\n');
  follower.interrupt();
  expect((await follower.ended).code).toBe(130);

  expect(await cli('stop')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/is gone\.\n$/),
  });
  expect(await cli('stop')).toMatchObject({ code: 0, stdout: 'Nothing is running.\n' });
  const after = await cli('status', '--json');
  expect(after.code).toBe(4);
  expect(after.json()).toMatchObject({
    sandboxes: [{ state: 'ended', end: { cause: 'stopped' } }],
  });
});

it('S29, S31: Ctrl-C keeps what is starting, another start goes on with it, --foreground stops it', async () => {
  const cli = cliOf(unpackBundle());
  const first = cli.start('start', '--json');
  await expect.poll(async () => (await cli('status')).code, { timeout: 20_000 }).not.toBe(4);
  first.interrupt();
  const interrupted = await first.ended;
  if (interrupted.code !== 0) {
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain('glovebox start goes on with it, glovebox stop ends it');
  }
  const [one, two] = await Promise.all([cli('start', '--json'), cli('start', '--json')]);
  expect([one.code, two.code]).toEqual([0, 0]);
  const [left, right] = [one.json(), two.json()].filter(isRecord);
  expect(left?.['jupyter_url']).toBe(right?.['jupyter_url']);

  const foreground = cli.start('start', '--foreground');
  await foreground.says('Ctrl-C stops it.');
  foreground.interrupt();
  expect((await foreground.ended).code).toBe(130);
  expect((await cli('status')).code).toBe(4);
});

it('S29: surplus and unknown words are wrong usage and start nothing', async () => {
  const cli = cliOf(unpackBundle());
  for (const words of [
    ['start', '--python', 'x', 'more'],
    ['start', '4:00:00'],
    ['status', 'a', 'b'],
    ['stop', '--now'],
    ['login', 'a', 'b'],
    ['restart'],
  ])
    expect({ words, ...(await cli(...words)) }).toMatchObject({ words, code: 2, stdout: '' });
  expect((await cli('status')).code).toBe(4);
});

it('S21, S29: a login that cannot work is told in a word and the way on', async () => {
  const { code, stderr } = await cliOf(unpackBundle())('login', 'no-such-host.invalid');
  // Failed, where there is no ssh at all; the package that holds it is named then.
  expect([1, 5]).toContain(code);
  expect(stderr).toMatch(code === 5 ? /next: / : /ssh is not on this machine[^]*next: .*openssh/i);
});
