/** Stands in for `node:path` in the bundle of the hook: a default import in CommonJS would copy every property of it first. */
export default process.getBuiltinModule('node:path');
