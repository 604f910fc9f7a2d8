/** The next step after what every newcomer meets: a few exceptions, and an environment without pip. */
import type { CellOutput } from '#notebook/contract.ts';

interface RaisedError {
  readonly name: string;
  readonly value: string;
}

interface Ended {
  readonly error?: RaisedError;
  readonly outputs: readonly CellOutput[];
}

/** What `python -m pip` says, which `%pip` runs, in an environment as `uv venv` makes it; the cell counts as well ended. */
const WITHOUT_PIP = /: No module named pip$/m;
/** It stands alone, or after a few lines. */
const LOOKED_AT_CHARS = 2000;

/** What helps where the kernel lives on; undefined for what says enough itself. */
export function hintForRun({ error, outputs }: Ended): string | undefined {
  if (outputs.some(lacksPip)) {
    return (
      'this Python has no pip, as in an environment that uv made. `!uv pip install --python {sys.executable} PACKAGE` installs there ' +
      '(after `import sys`); without uv, `!{sys.executable} -m ensurepip` once, and then %pip works.'
    );
  }
  return error === undefined ? undefined : hintForError(error);
}

const lacksPip = (output: CellOutput): boolean =>
  output.output_type === 'stream' && WITHOUT_PIP.test(output.text.slice(0, LOOKED_AT_CHARS));

function hintForError({ name, value }: RaisedError): string | undefined {
  if (name === 'StdinNotImplementedError')
    return 'input() cannot be answered here; set the value in the code instead.';
  if (name !== 'ModuleNotFoundError') return undefined;
  const module = /^No module named '([\w-]+)/.exec(value)?.[1];
  return module === undefined
    ? undefined
    : `%pip install ${module} puts it into the Python of this kernel (a package may be named otherwise than its module).`;
}
