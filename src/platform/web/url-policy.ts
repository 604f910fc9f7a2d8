/** Which addresses may be contacted at all: one place, asked before every request and every redirect. */
import { GloveboxError } from '#core/errors.ts';

export interface UrlPolicy {
  /**
   * The address as it will be contacted.
   *
   * @throws GloveboxError `http/refused` for another scheme than https, credentials in the address, an unusual port or an IP
   * address as host. The origins that a person configured are exempt from all but the credentials.
   */
  check(url: URL): void;
  /** Whether a person named this origin: it may then be private. */
  isTrusted(url: URL): boolean;
}

/** `trusted`: origins out of the configuration of the user, such as a mirror in a private network. */
export function createUrlPolicy(trusted: () => Iterable<string>): UrlPolicy {
  const isTrusted = (url: URL): boolean => [...trusted()].includes(url.origin);
  return {
    isTrusted,
    check(url) {
      if (url.username !== '' || url.password !== '')
        throw refused(url, 'it holds credentials', 'Remove what stands before the @.');
      if (isTrusted(url)) return;
      if (url.protocol !== 'https:')
        throw refused(url, `${url.protocol.slice(0, -1)} is not allowed`, 'Use an https address.');
      if (url.port !== '')
        throw refused(url, 'it names a port', 'Only the usual port of https is contacted.');
      if (isIpHost(url.hostname))
        throw refused(url, 'its host is an IP address', 'Use the name of the host.');
      if (
        !url.hostname.includes('.') ||
        /\.(local|localhost|internal|home\.arpa)\.?$/.test(url.hostname)
      )
        throw refused(url, 'its host is not a public name', 'Use a public https address.');
    },
  };
}

/** The WHATWG parser has turned every spelling of an IPv4 address into four numbers by now. */
const isIpHost = (hostname: string): boolean =>
  hostname.startsWith('[') || /^\d+\.\d+\.\d+\.\d+\.?$/.test(hostname);

function refused(url: URL, why: string, hint: string): GloveboxError {
  return new GloveboxError('http/refused', `${url.protocol}//${url.host} is refused: ${why}.`, {
    hint,
  });
}
