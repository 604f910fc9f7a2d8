/** A tunnel outlives its relays: one attempt at a time, the same port, the truth about the last loss. */
import { describe, expect, test } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { Relay } from './relay.ts';
import { createTunnel, type Tunnel } from './tunnel.ts';

interface FakeRelay extends Relay {
  readonly asked: readonly (number | undefined)[];
  readonly closed: boolean;
  lose(): void;
}

const loss = new GloveboxError('host/unreachable', 'gone');

function fakeRelay(port: number): FakeRelay {
  const asked: (number | undefined)[] = [];
  let tell: (error: GloveboxError) => void = () => undefined;
  let isLost = false;
  const lost = new Promise<GloveboxError>((resolve) => (tell = resolve));
  const lose = (): void => {
    isLost = true;
    tell(loss);
  };
  return {
    hostname: 'far',
    lost,
    get isLost() {
      return isLost;
    },
    get closed() {
      return isLost;
    },
    asked,
    lose,
    listen: async (_target, options) => {
      asked.push(options?.port);
      return { port: options?.port ?? port, close: () => undefined };
    },
    readFile: async () => undefined,
    close: lose,
  };
}

function tunnelOf(relays: readonly FakeRelay[]): { tunnel: Tunnel; opened: () => number } {
  let opened = 0;
  const tunnel = createTunnel({
    open: async () => {
      const relay = relays[opened];
      opened += 1;
      if (relay === undefined) throw new GloveboxError('host/unreachable', 'cannot be opened');
      return relay;
    },
    target: async () => ({ socket: '/far.sock' }),
  });
  return { tunnel, opened: () => opened };
}

describe('a tunnel', () => {
  test('calls at a time share one relay, and so do later ones', async () => {
    const { tunnel, opened } = tunnelOf([fakeRelay(4001)]);
    expect(await Promise.all([tunnel.port(), tunnel.port()])).toEqual([4001, 4001]);
    expect(await tunnel.port()).toBe(4001);
    expect((await tunnel.relay()).hostname).toBe('far');
    expect(opened()).toBe(1);
  });

  test('after a loss the next call opens another relay and asks for the same port', async () => {
    const [first, second] = [fakeRelay(4001), fakeRelay(4002)];
    const { tunnel, opened } = tunnelOf([first, second]);
    await tunnel.port();
    expect(tunnel.failure).toBeUndefined();
    first.lose();
    await expect.poll(() => tunnel.failure).toBe(loss);
    expect(await tunnel.port()).toBe(4001);
    expect(second.asked).toEqual([4001]);
    expect(tunnel.failure).toBeUndefined();
    expect(opened()).toBe(2);
  });

  test('a failed attempt is told to who waits, and the next call tries again', async () => {
    const relays: FakeRelay[] = [];
    const { tunnel } = tunnelOf(relays);
    await expect(tunnel.port()).rejects.toMatchObject({ code: 'host/unreachable' });
    relays.push(fakeRelay(1), fakeRelay(4003));
    expect(await tunnel.port()).toBe(4003);
  });

  test('a relay whose server is not found is closed', async () => {
    const relay = fakeRelay(4001);
    const tunnel = createTunnel({
      open: async () => relay,
      target: async () => {
        throw new GloveboxError('storage/failed', 'no endpoint');
      },
    });
    await expect(tunnel.port()).rejects.toMatchObject({ code: 'storage/failed' });
    expect(relay.closed).toBe(true);
  });

  test('who gives up waiting leaves the attempt to the others', async () => {
    const { tunnel, opened } = tunnelOf([fakeRelay(4001)]);
    const caller = new AbortController();
    const given = tunnel.port(caller.signal);
    caller.abort();
    await expect(given).rejects.toMatchObject({ code: 'cancelled' });
    expect(await tunnel.port()).toBe(4001);
    expect(opened()).toBe(1);
  });

  test('closing ends the relay, also one on its way, and opens no other', async () => {
    const relay = fakeRelay(4001);
    const { tunnel } = tunnelOf([relay]);
    await tunnel.port();
    tunnel.close();
    tunnel.close();
    expect(relay.closed).toBe(true);
    await expect(tunnel.port()).rejects.toMatchObject({ code: 'cancelled' });

    const late = fakeRelay(4002);
    const { tunnel: second } = tunnelOf([late]);
    const opening = second.port();
    second.close();
    await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
    expect(late.closed).toBe(true);
  });
});
