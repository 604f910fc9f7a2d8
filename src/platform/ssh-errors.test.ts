/** Texts that OpenSSH 9.2 printed, word for word. */
import { describe, expect, test } from 'vitest';
import { isSessionRefused, translateSshFailure } from './ssh-errors.ts';

const CHANGED = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key for [127.0.0.1]:2222 has changed and you have requested strict checking.
Host key verification failed.
`;

describe('what OpenSSH says', () => {
  test.each([
    [CHANGED, 'host/key-refused'],
    ['Host key verification failed.\r\n', 'host/login-needed'],
    [
      'No ED25519 host key is known for cluster and you have requested strict checking.\nHost key verification failed.\n',
      'host/login-needed',
    ],
    ['me@cluster: Permission denied (publickey).\r\n', 'host/login-needed'],
    ['me@cluster: Permission denied (publickey,keyboard-interactive).\r\n', 'host/login-needed'],
    [
      'Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\nDisconnected from 10.0.0.1 port 22\n',
      'host/login-needed',
    ],
    [
      '/home/me/.ssh/config: line 3: Bad configuration option: nosuchoption\n/home/me/.ssh/config: terminating, 1 bad configuration options\n',
      'config/invalid',
    ],
    ['Bad owner or permissions on /home/me/.ssh/config\r\n', 'config/invalid'],
    ['ssh: Could not resolve hostname cluster: Name or service not known\r\n', 'host/unreachable'],
    ['ssh: connect to host cluster port 22: Connection refused\r\n', 'host/unreachable'],
    ['ssh: connect to host cluster port 22: No route to host\r\n', 'host/unreachable'],
    ['Connection timed out during banner exchange\r\n', 'host/unreachable'],
    ['kex_exchange_identification: read: Connection reset by peer\r\n', 'host/unreachable'],
    ['Connection closed by UNKNOWN port 65535\r\n', 'host/unreachable'],
    ['', 'host/unreachable'],
  ])('%j', (stderr, code) => {
    const error = translateSshFailure('cluster', stderr);
    expect(error).toMatchObject({ code, cause: stderr });
    expect(error.message).toContain(code === 'config/invalid' ? 'configuration' : 'cluster');
    expect(error.hint).toMatch(/ssh|glovebox login/);
  });

  test('S21: a login that needs a person names the command', () => {
    const error = translateSshFailure('me@cluster', 'me@cluster: Permission denied (publickey).');
    expect(error.hint).toBe('In a terminal of yours run: glovebox login me@cluster');
  });

  test('S22: a session that was refused is known as such', () => {
    const refused =
      'channel 2: open failed: connect failed: open failed\r\nmux_client_request_session: session request failed: Session open refused by peer\r\nConnection closed by UNKNOWN port 65535\r\n';
    expect(isSessionRefused(refused)).toBe(true);
    expect(isSessionRefused('glovebox-no-connection\n')).toBe(true);
    expect(isSessionRefused('Connection closed by 10.0.0.1 port 22\r\n')).toBe(false);
    expect(isSessionRefused('')).toBe(false);
  });
});
