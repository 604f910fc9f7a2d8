/** Modal back ends on a fake control plane of their own, with a state folder and a project, whose processes are surely gone after the test. */
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import type { Backend } from '#sandbox/backend.ts';
import { createModalBackend } from '#sandbox/backends/modal/index.ts';
import type { ModalContext, ModalSettings } from '#sandbox/backends/modal/settings.ts';
import type { Layout } from '#sandbox/layout.ts';
import { startFakeModal, type FakeModal, type Faults } from '../fakes/modal/fake-modal.mjs';
import { testPython } from './python.ts';
import { MARK } from './reaper.mjs';
import { isMissing } from './require.ts';

export interface ModalRig {
  readonly fake: FakeModal;
  /** Glovebox's folder. */
  readonly dir: string;
  readonly projectDir: string;
  newBackend(changes?: Partial<ModalSettings>, context?: Partial<ModalContext>): Backend;
  /** One whose main process dies at its start with some words in its log. */
  newFailingBackend(): Backend;
  /** A place for one more sandbox, as every start gets one. */
  layout(): Promise<Layout>;
  /** The settings of a new back end. */
  settings(changes?: Partial<ModalSettings>): ModalSettings;
  dispose(): Promise<void>;
}

/** For options: lets the mark that the fake gives to each of its sandboxes through to kernels, so that all its processes are found. */
export const MARKED = { env: { [MARK]: 'of the fake' } };

const repository = path.resolve(import.meta.dirname, '../..');

/** The certificate that this process trusts; undefined where it could not be made. */
export function testCertificate(): { cert: Buffer; key: Buffer } | undefined {
  const { GLOVEBOX_TEST_CERT: cert, GLOVEBOX_TEST_KEY: key } = process.env;
  if (cert === undefined || key === undefined) return undefined;
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** For `describe.skipIf`, of tests with the fake Modal. As `isMissing`. */
export const isCertificateMissing = (): boolean =>
  isMissing(
    'openssl',
    testCertificate() !== undefined,
    'Install openssl: tunnels of the fake Modal are real TLS.',
  );

export async function makeModalRig(faults: Partial<Faults> = {}): Promise<ModalRig> {
  const certificate = testCertificate();
  if (certificate === undefined) throw new Error('no certificate: is openssl there?');
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-modal-')));
  const dir = path.join(folder, 'state');
  const projectDir = path.join(folder, 'my project');
  await mkdir(projectDir);
  const brokenPython = path.join(folder, 'broken');
  await cp(path.join(repository, 'python'), brokenPython, { recursive: true });
  const words = 'raise SystemExit("the server is broken on purpose")\n';
  for (const name of ['sandbox_entry.py', 'serve.py', 'fetch_models.py'])
    await writeFile(path.join(brokenPython, name), words);
  const environment = {
    // First the stand-in for Docker, whatever this machine has.
    PATH: [
      path.join(repository, 'test/fixtures/stand-ins/docker'),
      path.dirname(testPython()),
      process.env['PATH'],
    ].join(path.delimiter),
    LANG: 'C.UTF-8',
  };
  const fake = await startFakeModal({ certificate, environment, ...faults });
  // The SDK has no option for these; each rig of a file runs by itself.
  process.env['MODAL_SERVER_URL'] = fake.url;
  process.env['MODAL_CONFIG_PATH'] = path.join(folder, 'no-modal.toml');
  process.env['MODAL_TOKEN_ID'] = 'ak-test';
  process.env['MODAL_TOKEN_SECRET'] = 'as-test-secret-of-the-account';
  const settings = (changes: Partial<ModalSettings> = {}): ModalSettings => ({
    dir,
    pythonDir: path.join(repository, 'python'),
    appName: 'glovebox-test',
    prices: [],
    root: 'nowhere',
    variables: {},
    hubUrl: 'http://127.0.0.1:1',
    ...changes,
  });
  const newBackend: ModalRig['newBackend'] = (changes, context) =>
    createModalBackend({
      settings: () => settings(changes),
      layout: testLayout,
      clock: systemClock,
      log: silentLog,
      ...context,
    });
  return {
    fake,
    dir,
    projectDir,
    layout: testLayout,
    settings,
    newBackend,
    newFailingBackend: () => newBackend({ pythonDir: brokenPython }),
    async dispose() {
      await fake.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Below the folder that stands for the container, on a port of this machine that is free. */
async function testLayout(): Promise<Layout> {
  return {
    workspace: 'workspace',
    models: 'models',
    cache: 'cache',
    state: 'state',
    ip: '127.0.0.1',
    port: await freePort(),
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        isAddress(address) ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

const isAddress = (address: AddressInfo | string | null): address is AddressInfo =>
  typeof address === 'object' && address !== null;
