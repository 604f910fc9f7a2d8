import { describe, expect, it } from 'vitest';
import { isPrivateAddress, lookupPublic } from './private-address.ts';
import { createUrlPolicy } from './url-policy.ts';

const policy = createUrlPolicy(() => ['http://127.0.0.1:8080', 'https://hub.corp.internal']);
const refusalOf = (url: string): unknown => {
  try {
    policy.check(new URL(url));
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('2.2: addresses that may be contacted', () => {
  it.each([
    'https://huggingface.co/api/models',
    'https://api.github.com/repos/a/b?ref=x',
    'https://huggingface.co:443/x',
    'http://127.0.0.1:8080/api',
    'https://hub.corp.internal/api',
  ])('%s is', (url) => expect(refusalOf(url)).toBeUndefined());

  it.each([
    ['http://huggingface.co/', 'http is not allowed'],
    ['ftp://huggingface.co/', 'ftp is not allowed'],
    ['file:///etc/passwd', 'file is not allowed'],
    ['https://huggingface.co@evil.test/', 'credentials'],
    ['https://user:password@huggingface.co/', 'credentials'],
    ['https://user@127.0.0.1:8080/', 'credentials'],
    ['https://huggingface.co:8443/', 'port'],
    ['https://127.0.0.1/', 'IP address'],
    ['https://2130706433/', 'IP address'],
    ['https://0x7f.1/', 'IP address'],
    ['https://[::1]/', 'IP address'],
    ['https://localhost/', 'public name'],
    ['https://intranet/', 'public name'],
    ['https://printer.local/', 'public name'],
    ['http://127.0.0.1:8081/', 'http is not allowed'],
  ])('%s is not: %s', (url, why) => {
    expect(refusalOf(url)).toMatchObject({
      code: 'http/refused',
      message: expect.stringContaining(why),
    });
    expect(String(refusalOf(url))).not.toContain('password');
  });
});

describe('private addresses', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.100.100.200',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '64:ff9b:1::a00:1',
    '3fff::1',
    '5f00::1',
    'not an address',
  ])('%s is one', (address) => expect(isPrivateAddress(address)).toBe(true));

  it.each(['1.1.1.1', '104.18.0.1', '172.32.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])(
    '%s is none',
    (address) => expect(isPrivateAddress(address)).toBe(false),
  );

  it('2.2: a name that leads to one is not connected to', async () => {
    const error = await new Promise((resolve) =>
      lookupPublic('localhost', { all: true }, (problem) => resolve(problem)),
    );
    expect(error).toMatchObject({ code: 'http/refused' });
  });
});
