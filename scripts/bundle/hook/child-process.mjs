/** Stands in for `node:child_process` in the bundle of the hook, which hardly ever starts a program: loading it takes 2 ms. */
const builtin = () => process.getBuiltinModule('node:child_process');
export const execFileSync = (...args) => builtin().execFileSync(...args);
export const spawn = (...args) => builtin().spawn(...args);
