import { describe, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { runFake } from '../../../test/rigs/cli-host.ts';

describe('login', () => {
  it.each([
    [['login', 'me@cluster'], {}, 'me@cluster'],
    [['login'], { GLOVEBOX_SSH_HOST: 'cluster' }, 'cluster'],
  ])('S21: %j opens the shared connection', async (argv, env, host) => {
    const { code, out, err, calls } = await runFake(argv, { env });
    expect([code, out, err, calls]).toEqual([0, '', `Logged in to ${host}.\n`, [`login ${host}`]]);
  });

  it('S29: tells as JSON whether it was open', async () => {
    const logIn = () => Promise.resolve({ wasOpen: true });
    const { json, err } = await runFake(['login', 'cluster', '--json'], { host: { logIn } });
    expect(json()).toEqual({ host: 'cluster', was_open: true });
    expect(err).toContain('already');
  });

  it('says what is missing, and passes on why a login failed', async () => {
    const { code, err } = await runFake(['login']);
    expect(code).toBe(2);
    expect(err).toContain('glovebox login HOST, or set GLOVEBOX_SSH_HOST.');
    const logIn = () =>
      Promise.reject(new GloveboxError('host/login-needed', 'Nobody is logged in to cluster.'));
    const failed = await runFake(['login', 'cluster'], { host: { logIn } });
    expect([failed.code, failed.err]).toEqual([5, 'glovebox: Nobody is logged in to cluster.\n']);
  });

  it('a host that cannot be reached has the exit code of that', async () => {
    const logIn = () => Promise.reject(new GloveboxError('host/unreachable', 'down'));
    expect((await runFake(['login', 'cluster'], { host: { logIn } })).code).toBe(5);
  });
});
