/** A Python with PyTorch, transformers, peft, pytest and Jupyter, for tests with real models. `test/rigs/make-torch.sh` makes it. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isMissing } from './require.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Its interpreter; there only where `isTorchMissing()` is false. */
export const TORCH_PYTHON = path.join(root, '.cache/torch/bin/python');

export const isTorchMissing = (): boolean =>
  isMissing(
    'PyTorch for the tests',
    existsSync(path.join(root, '.cache/torch/complete')),
    'On Debian 12, with python3-torch installed: test/rigs/make-torch.sh',
  );
