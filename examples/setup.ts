/** The set-up script that `/glovebox:setup` writes for an experiment which will be repeated: `glovebox run examples/setup.ts`. */
import { Sandbox, emitReady } from 'glovebox';

const sandbox = await Sandbox.create({
  backend: 'modal',
  gpu: 'A100-80GB',
  maxLifetimeSeconds: 7200,
  maxCostUsd: 10,
  models: [{ id: 'google/gemma-2-9b-it' }],
  secrets: [{ env: 'HF_TOKEN' }],
});
await emitReady(await sandbox.startNotebook({ name: 'first-look' }));
