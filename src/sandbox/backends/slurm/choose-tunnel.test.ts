/** Where the server of a job listens, and how it is reached, follows from what the site has (S24, S26, S27). */
import { describe, expect, test } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { HostCommandResult } from '#platform/host.ts';
import { chooseTunnel } from './choose-tunnel.ts';

const { signal } = new AbortController();
const answer = (code: number): HostCommandResult => ({
  code,
  signal: null,
  stdout: '',
  stderr: '',
});

const host = (isRemote: boolean, run: () => Promise<HostCommandResult>) => ({
  name: isRemote ? 'cluster' : 'this machine',
  isRemote,
  run,
  hostname: async () => 'login7',
});
const there = async (): Promise<HostCommandResult> => answer(0);
const missing = async (): Promise<never> => {
  throw new GloveboxError('path/not-found', 'no srun');
};

describe('the way to a server', () => {
  test('leads through the allocation where steps can be started', async () => {
    for (const isRemote of [false, true])
      expect(await chooseTunnel(host(isRemote, there), {}, signal)).toEqual({
        mode: 'step',
        bind: '',
      });
  });

  test.each([
    [false, 'direct', missing],
    [true, 'forward', missing],
    [false, 'direct', async () => answer(127)],
  ] as const)(
    'else over the network, by the address towards the login node (remote: %s)',
    async (isRemote, mode, run) => {
      expect(await chooseTunnel(host(isRemote, run), {}, signal)).toEqual({
        mode,
        reason: expect.stringMatching(/has no srun/),
        bind: 'route:login7',
      });
    },
  );

  test('is the one that somebody asks for, and asks nobody else then', async () => {
    const strict = host(true, () => expect.fail('nothing is to be asked'));
    const modes = ['step', 'direct', 'forward', 'node-ssh'] as const;
    const binds = modes.map(
      async (tunnel) => (await chooseTunnel(strict, { tunnel }, signal)).bind,
    );
    expect(await Promise.all(binds)).toEqual(['', 'route:login7', 'route:login7', '']);
  });

  test('X119: never opens every interface: a wish for that is one for an address that works', async () => {
    const bind = async (bindIp: string) => chooseTunnel(host(true, there), { bindIp }, signal);
    expect(await bind('10.0.0.7')).toMatchObject({ mode: 'forward', bind: '10.0.0.7' });
    for (const every of ['0.0.0.0', '::'])
      expect(await bind(every)).toMatchObject({ mode: 'forward', bind: 'route:login7' });
  });

  test('is not decided while nobody can be asked', async () => {
    const silent = host(true, async () => {
      throw new GloveboxError('host/unreachable', 'no way');
    });
    await expect(chooseTunnel(silent, {}, signal)).rejects.toMatchObject({
      code: 'host/unreachable',
    });
  });
});
