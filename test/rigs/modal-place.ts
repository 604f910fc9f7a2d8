/** A fake Modal for programs that are started as processes: where it is and how it is signed in to, as variables. */
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { startFakeModal, type FakeModal } from '../fakes/modal/fake-modal.mjs';
import { startModelHub } from '../fakes/model-hub.ts';
import { testCertificate } from './modal-backend.ts';
import { testPython } from './python.ts';

export interface ModalPlace {
  readonly fake: FakeModal;
  readonly env: Readonly<Record<string, string>>;
}

/** @param home where no Modal profile lies; `ends` is called back with what ends it. */
export async function startModalPlace(
  home: string,
  ends: (end: () => Promise<void>) => void = onTestFinished,
): Promise<ModalPlace> {
  const certificate = testCertificate();
  if (certificate === undefined) throw new Error('no certificate');
  const fake = await startFakeModal({
    certificate,
    environment: { PATH: `${path.dirname(testPython())}:${process.env['PATH'] ?? ''}` },
  });
  ends(() => fake.close());
  return {
    fake,
    env: {
      MODAL_SERVER_URL: fake.url,
      MODAL_TOKEN_ID: 'ak-test',
      MODAL_TOKEN_SECRET: 'as-test-secret-of-the-account',
      MODAL_CONFIG_PATH: path.join(home, 'no-modal.toml'),
      NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
      GLOVEBOX_MODAL_ROOT: '.',
    },
  };
}

/** The same with a Hub that has one small model, for servers that may spend. */
export async function startModalWithModel(home: string): Promise<ModalPlace> {
  const { fake, env } = await startModalPlace(home);
  const hub = await startModelHub({
    'tiny/model': {
      files: {
        'model.safetensors': 'w'.repeat(5000),
        'config.json':
          '{"architectures":["TinyForCausalLM"],"num_hidden_layers":2,"hidden_size":16}',
      },
      parameters: { F32: 1250 },
    },
  });
  onTestFinished(() => hub.close());
  // What is rented here is a process of this machine: the budget agrees to it. `policy.test.ts` is about the questions.
  return { fake, env: { ...env, GLOVEBOX_YOLO: '1', HF_ENDPOINT: hub.url } };
}
