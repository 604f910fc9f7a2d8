/** Makes a self-signed certificate for localhost before any worker starts: Node reads NODE_EXTRA_CA_CERTS only when a process starts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** For vitest's `globalSetup`. The key lives in a private folder for as long as the tests run. Without openssl nothing is set. */
export function setup(): () => void {
  if (process.env['GLOVEBOX_TEST_CERT'] !== undefined) return () => undefined;
  const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-certificate-'));
  const cert = path.join(folder, 'cert.pem');
  const key = path.join(folder, 'key.pem');
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
  const subject = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  ];
  try {
    const argv = [...request.split(' '), ...subject, '-keyout', key, '-out', cert];
    execFileSync('openssl', argv, { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return () => undefined;
  }
  process.env['NODE_EXTRA_CA_CERTS'] = cert;
  process.env['GLOVEBOX_TEST_CERT'] = cert;
  process.env['GLOVEBOX_TEST_KEY'] = key;
  return () => rmSync(folder, { recursive: true, force: true });
}
