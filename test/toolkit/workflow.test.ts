/** What the toolkit is for: an agent asks for a machine with a model, steers it, reads it, draws, gives the machine back; the notebook stays. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Client } from '@modelcontextprotocol/client';
import { startFakeModal } from '../fakes/modal/fake-modal.mjs';
import { startModelHub } from '../fakes/model-hub.ts';
import { call, callError, idOf } from '../mcp/call.ts';
import { prepareForKernels, startServer, unpackBundle } from '../rigs/bundle.ts';
import { freePort, testCertificate } from '../rigs/modal-backend.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { MARK } from '../rigs/reaper.mjs';
import { isMissing } from '../rigs/require.ts';
import { isTorchMissing, TORCH_PYTHON } from '../rigs/torch.ts';

const certificate = testCertificate();
const isUnable =
  isTorchMissing() ||
  isMissing('openssl', certificate !== undefined, 'Install openssl: tunnels are real TLS.');

const STEER = `
import glovebox_interp as interp
read = interp.activations(model, tokenizer, ["a cat", "a dog"], [0, 1, 2])
vector = interp.diff_of_means(read[1][:1], read[1][1:])
plain = interp.generate(model, tokenizer, ["hello", "you"], max_new_tokens=6)
with interp.steer(model, 1, vector, strength=8.0, where="generated"):
    steered = interp.generate(model, tokenizer, ["hello", "you"], max_new_tokens=6)
print(tuple(read[1].shape), [a.token_ids[0] == b.token_ids[0] for a, b in zip(plain, steered)],
      [a.token_ids != b.token_ids for a, b in zip(plain, steered)], interp.active_hooks(model))
`.trim();
const PLOT = `
%matplotlib inline
import matplotlib.pyplot as plt
plt.plot([float(read[layer].norm(dim=-1).mean()) for layer in read.layers]); plt.show()
read[1]
`.trim();

/** From the new notebook to what stays of it. */
async function experiment(client: Client, sandbox_id: string, project: string): Promise<void> {
  const started = await call(client, 'start_new_notebook', {
    experiment_name: 'steering',
    sandbox_id,
  });
  expect(started.text).toMatch(
    /\n {2}model, tokenizer: .*\(LlamaForCausalLM, 0\.0 M parameters, float32, cpu, 3 layers of 32\)\ngpu: none/,
  );
  const session_id = idOf(started, 'session_id');
  const steered = await call(client, 'execute_code', { session_id, code: STEER });
  // The first token comes out of the prompt, which was not steered.
  expect(steered.text).toContain('(2, 32) [True, True] [True, True] []');
  const plotted = await call(client, 'execute_code', { session_id, code: PLOT });
  expect(plotted.images).toHaveLength(1);
  // K8: a tensor is told in brief.
  expect(plotted.text).toMatch(/Tensor \[2, 32\] float32 on cpu: mean/);
  // F17: what is left open is told.
  const left = await call(client, 'execute_code', {
    session_id,
    code: 'left = interp.steer(model, 1, vector); left.__enter__(); None',
  });
  expect(left.text).toMatch(
    /steer, set in cell \[3\], is still active; clear_hooks\(model\) ends it/,
  );
  await call(client, 'execute_code', { session_id, code: 'interp.clear_hooks(model)' });
  // L6: loading left no trace.
  const traces = await call(client, 'execute_code', {
    session_id,
    code: 'len(In), any("glovebox_models" in line for line in In[:-1])',
  });
  expect(traces.text).toContain('(6, False)');
  await call(client, 'sandbox_stop', { sandbox_id });
  const file = path.resolve(project, idOf(started, 'notebook_path'));
  const cells = await readNotebookFile(file);
  const outputs = JSON.stringify(cells.map((cell) => cell.outputs));
  expect(outputs).toContain('image/png');
  expect(outputs).toContain('(2, 32) [True, True] [True, True] []');
}

describe.skipIf(isUnable)('done when: an agent with a model', () => {
  let weights = '';
  beforeAll(() => {
    weights = mkdtempSync(path.join(tmpdir(), 'gb-tiny-'));
    execFileSync(TORCH_PYTHON, [path.join(import.meta.dirname, 'python/tiny.py'), weights]);
  });
  afterAll(() => rmSync(weights, { recursive: true, force: true }));

  it('at Modal: a machine with the model loaded, and the notebook outlives it', async () => {
    if (certificate === undefined) throw new Error('no certificate');
    const bundle = unpackBundle();
    const fake = await startFakeModal({
      certificate,
      environment: { PATH: `${path.dirname(TORCH_PYTHON)}:${process.env['PATH'] ?? ''}` },
    });
    onTestFinished(() => fake.close());
    const files = Object.fromEntries(
      readdirSync(weights).map((name) => [name, readFileSync(path.join(weights, name))]),
    );
    const hub = await startModelHub({ 'tiny/llama': { files, parameters: { F32: 30_000 } } });
    onTestFinished(() => hub.close());
    const env = {
      ...prepareForKernels(bundle),
      MODAL_SERVER_URL: fake.url,
      MODAL_TOKEN_ID: 'ak-test',
      MODAL_TOKEN_SECRET: 'as-test-secret-of-the-account',
      MODAL_CONFIG_PATH: path.join(bundle.home, 'no-modal.toml'),
      NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
      GLOVEBOX_MODAL_ROOT: '.',
      HF_ENDPOINT: hub.url,
    };
    const { client } = await startServer(bundle, { era: 'modern', env });
    const options = {
      gpu: 'T4',
      env: { [MARK]: 'of the fake' },
      models: [{ id: 'tiny/llama' }],
      jupyter_port: await freePort(),
    };
    const created = await call(client, 'sandbox_create', { backend: 'modal', options });
    await experiment(client, idOf(created, 'sandbox_id'), bundle.project);
    expect(fake.alive()).toEqual([]);
  }, 120_000);

  it('G7, L4: on this machine, from a folder of the project', async () => {
    const bundle = unpackBundle();
    mkdirSync(path.join(bundle.project, 'models'));
    execFileSync('cp', ['-r', weights, path.join(bundle.project, 'models/tiny')]);
    const env = { ...prepareForKernels(bundle), GLOVEBOX_PYTHON: TORCH_PYTHON };
    const { client } = await startServer(bundle, { era: 'modern', env });
    const wrong = { backend: 'local', options: { models: [{ id: './models/other' }] } };
    expect(await callError(client, 'sandbox_create', wrong)).toMatch(
      /\[path\/not-found\].*no model in \.\/models\/other/,
    );
    const options = { models: [{ id: './models/tiny' }] };
    const created = await call(client, 'sandbox_create', { backend: 'local', options });
    const sandbox_id = idOf(created, 'sandbox_id');
    const { text } = await call(client, 'start_new_notebook', {
      experiment_name: 'paths',
      sandbox_id,
      preload: false,
    });
    expect(text).not.toContain('models');
    await experiment(client, sandbox_id, bundle.project);
  }, 120_000);
});
