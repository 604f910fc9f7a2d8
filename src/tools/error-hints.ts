/** The next step after an exception, for the few that every newcomer meets. */

interface RaisedError {
  readonly name: string;
  readonly value: string;
}

/** What helps where the kernel lives on; undefined for exceptions that say enough themselves. */
export function hintForError({ name, value }: RaisedError): string | undefined {
  if (name === 'StdinNotImplementedError')
    return 'input() cannot be answered here; set the value in the code instead.';
  if (name !== 'ModuleNotFoundError') return undefined;
  const module = /^No module named '([\w-]+)/.exec(value)?.[1];
  return module === undefined
    ? undefined
    : `%pip install ${module} puts it into the Python of this kernel (a package may be named otherwise than its module).`;
}
