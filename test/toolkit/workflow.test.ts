/** What the toolkit is for: an agent asks for a machine with a model, steers it, reads it, draws, gives the machine back; the notebook stays. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Client } from '@modelcontextprotocol/client';
import { startFakeModal } from '../fakes/modal/fake-modal.mjs';
import { startModelHub } from '../fakes/model-hub.ts';
import { call, callError, idOf, type Answer } from '../mcp/call.ts';
import { MODAL_PRICES } from '../rigs/modal-prices.ts';
import { prepareForKernels, startServer, unpackBundle } from '../rigs/bundle.ts';
import { createCli } from '../rigs/cli.ts';
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

/** A set-up script of a project that installed nothing. */
const SETUP = `
import { Sandbox, emitReady } from 'glovebox';
const sandbox = await Sandbox.create({ backend: 'local', models: [{ id: './models/tiny' }] });
await emitReady(await sandbox.startNotebook({ name: 'steering' }));
`;

/** From a notebook with a model to what stays of it. */
async function experiment(client: Client, opened: Answer, project: string): Promise<void> {
  await steerAndDraw(client, idOf(opened, 'session_id'));
  await call(client, 'sandbox_stop', { sandbox_id: idOf(opened, 'sandbox_id') });
  const file = path.resolve(project, idOf(opened, 'notebook_path'));
  const outputs = JSON.stringify((await readNotebookFile(file)).map((cell) => cell.outputs));
  expect(outputs).toContain('image/png');
  expect(outputs).toContain('(2, 32) [True, True] [True, True] []');
}

async function steerAndDraw(client: Client, session_id: string): Promise<void> {
  const steered = await call(client, 'execute_code', { session_id, code: STEER });
  // The first token comes out of the prompt, which was not steered.
  expect(steered.text).toContain('(2, 32) [True, True] [True, True] []');
  const plotted = await call(client, 'execute_code', { session_id, code: PLOT });
  expect(plotted.images).toHaveLength(1);
  // K8: a tensor is told in brief.
  expect(plotted.text).toMatch(/Tensor \[2, 32\] float32 on cpu: mean/);
  // What is left open is told.
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
      // This client cannot ask anybody.
      GLOVEBOX_YOLO: '1',
      ...MODAL_PRICES,
      GLOVEBOX_BUDGET_USD: '20',
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
    const opened = await call(client, 'start_new_notebook', {
      experiment_name: 'steering',
      sandbox_id: idOf(created, 'sandbox_id'),
    });
    expect(opened.text).toMatch(
      /\n {2}model, tokenizer: tiny\/llama at \w{12} \(LlamaForCausalLM, 0\.0 M parameters, float32, cpu, 3 layers of 32\)\ngpu: none/,
    );
    await experiment(client, opened, bundle.project);
    expect(fake.alive()).toEqual([]);
  }, 120_000);

  it('G7, L4, F8: on this machine, from a folder of the project, set up by a script', async () => {
    const bundle = unpackBundle();
    mkdirSync(path.join(bundle.project, 'models'));
    cpSync(weights, path.join(bundle.project, 'models/tiny'), { recursive: true });
    const env = { ...prepareForKernels(bundle), GLOVEBOX_PYTHON: TORCH_PYTHON };
    const { client } = await startServer(bundle, { era: 'modern', env });
    const wrong = { backend: 'local', options: { models: [{ id: './models/other' }] } };
    expect(await callError(client, 'sandbox_create', wrong)).toMatch(
      /\[path\/not-found\].*no model in \.\/models\/other/,
    );
    writeFileSync(path.join(bundle.project, 'setup.ts'), SETUP);
    const cli = createCli({
      cwd: bundle.project,
      env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...env },
      program: [process.execPath, bundle.file('cli.mjs')],
    });
    const { code, stdout, stderr } = await cli('run', 'setup.ts');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const line: { sandbox_id: string; session_id: string; model_info: unknown } =
      JSON.parse(stdout);
    expect(line.model_info).toMatchObject([
      { var_name: 'model', id: './models/tiny', class: 'LlamaForCausalLM', layers: 3 },
    ]);
    const opened = await call(client, 'attach_to_session', { ...line });
    await experiment(client, opened, bundle.project);
  }, 120_000);
});
