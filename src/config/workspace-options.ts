/** What every notebook of a project finds: the rows of the option table below `workspace`. */
import { folder, list, words } from './kinds.ts';
import { option } from './option.ts';

const moduleName = words('the name of a module', /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/);

export const WORKSPACE_OPTIONS = {
  'workspace.libraries': option({
    kind: list(folder()),
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_WORKSPACE_LIBRARIES',
    about:
      'Python files, packages (folders with __init__.py) and skills (code.py and SKILL.md) of the project that every notebook can import.',
  }),
  'workspace.imports': option({
    kind: list(moduleName),
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_WORKSPACE_IMPORTS',
    about: 'Modules that every new kernel has imported before its first cell.',
  }),
  'workspace.init_code': option({
    kind: words('Python code', /\S/),
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_WORKSPACE_INIT_CODE',
    about:
      'Python that every new kernel runs first, after models and imports, without leaving a cell.',
  }),
};
