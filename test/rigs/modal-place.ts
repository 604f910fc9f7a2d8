/** A fake Modal for programs that are started as processes: where it is and how it is signed in to, as variables. */
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { startFakeModal, type FakeModal } from '../fakes/modal/fake-modal.mjs';
import { commitOf, startModelHub } from '../fakes/model-hub.ts';
import { testCertificate } from './modal-backend.ts';
import { MODAL_PRICES } from './modal-prices.ts';
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

/** A model that is to stay hidden: whoever made it, it itself, and its commit. */
export const COVERT = { id: 'made-up-lab/Covert-9B', commit: commitOf('made-up-lab/Covert-9B') };

/** The same with a Hub that has small models, for servers that may spend. */
export async function startModalWithModel(home: string): Promise<ModalPlace> {
  const { fake, env } = await startModalPlace(home);
  const config = { architectures: ['TinyForCausalLM'], num_hidden_layers: 2, hidden_size: 16 };
  const weights = { 'model.safetensors': 'w'.repeat(5000) };
  const parameters = { F32: 1250 };
  const hub = await startModelHub({
    'tiny/model': { files: { ...weights, 'config.json': JSON.stringify(config) }, parameters },
    [COVERT.id]: {
      files: {
        ...weights,
        'config.json': JSON.stringify({ ...config, _name_or_path: COVERT.id }),
        'tokenizer_config.json': JSON.stringify({ name_or_path: COVERT.id }),
        'README.md': `# ${COVERT.id}`,
      },
      parameters,
    },
  });
  onTestFinished(() => hub.close());
  // What is rented here is a process of this machine: the budget agrees to it. `policy.test.ts` is about the questions.
  const spending = { GLOVEBOX_YOLO: '1', ...MODAL_PRICES };
  return { fake, env: { ...env, ...spending, HF_ENDPOINT: hub.url } };
}
