/** Who may use a browser view: the one browser that came with the code, and no page of another site in it. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The path that takes the code. */
const ENTER = '/glovebox-enter';

export type Admission =
  | { readonly kind: 'pass' }
  /** The browser is let in, and goes on to what it came for. */
  | { readonly kind: 'enter'; readonly cookie: string }
  | { readonly kind: 'refuse'; readonly why: string };

export interface ViewGate {
  /** The path that lets a browser in, once. */
  readonly entrance: string;
  admit(request: IncomingMessage): Admission;
  /** The cookies of a request without ours, for the server behind. */
  foreignCookies(request: IncomingMessage): string | undefined;
}

/** @param port on which this machine is asked: a name that was pointed here by somebody else is not taken. */
export function createViewGate(port: number): ViewGate {
  const code = randomBytes(32).toString('hex');
  const secret = randomBytes(32).toString('hex');
  // Cookies belong to a host and not to a port of it.
  const name = `glovebox-view-${port}`;
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  let isUsed = false;

  return {
    entrance: `${ENTER}?code=${code}`,

    admit(request) {
      const { headers, url = '' } = request;
      if (!hosts.includes(headers.host ?? '')) return refuse('asked under another name');
      const { origin } = headers;
      if (origin !== undefined && !hosts.some((host) => origin === `http://${host}`))
        return refuse('asked by a page of another site');
      const query = url.startsWith(`${ENTER}?`) ? url.slice(ENTER.length + 1) : '';
      if (isSame(new URLSearchParams(query).get('code') ?? '', code)) {
        if (isUsed) return refuse('the address was used already');
        isUsed = true;
        // Lax: the page that leads here is a file.
        return { kind: 'enter', cookie: `${name}=${secret}; Path=/; HttpOnly; SameSite=Lax` };
      }
      return cookies(request).some((cookie) => isSame(cookie, `${name}=${secret}`))
        ? { kind: 'pass' }
        : refuse('another browser was let in, or none');
    },

    foreignCookies(request) {
      const others = cookies(request).filter((cookie) => !cookie.startsWith(`${name}=`));
      return others.length === 0 ? undefined : others.join('; ');
    },
  };
}

const cookies = ({ headers }: IncomingMessage): readonly string[] =>
  (headers.cookie ?? '').split(/;\s*/).filter((cookie) => cookie !== '');

const refuse = (why: string): Admission => ({ kind: 'refuse', why });

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
