// Default deny: a folder may import itself, npm packages, and what is listed here. docs/architecture.md prints this table.
export const MAY_IMPORT = {
  core: [],
  platform: ['core'],
  config: ['core', 'platform'],
  jupyter: ['core', 'platform'],
  notebook: ['core', 'platform'],
  hub: ['core', 'platform'],
  github: ['core', 'platform'],
  sandbox: ['core', 'platform'],
  policy: ['core', 'platform', 'sandbox'],
  transcripts: ['core', 'platform', 'hub', 'policy'],
  session: ['core', 'platform', 'sandbox', 'jupyter', 'notebook'],
  shell: ['core', 'platform', 'sandbox', 'session', 'jupyter', 'notebook'],
  workspace: ['core', 'platform', 'sandbox', 'session', 'shell'],
  library: ['core', 'platform', 'session', 'shell', 'workspace', 'sandbox', 'notebook'],
  tools: [
    'core',
    'session',
    'shell',
    'workspace',
    'sandbox',
    'notebook',
    'hub',
    'github',
    'policy',
  ],
  hooks: ['core', 'platform', 'policy', 'sandbox', 'transcripts'],
  mcp: ['core', 'tools', 'config', 'session', 'policy'],
  cli: ['core', 'tools', 'config', 'session', 'policy', 'transcripts'],
  main: ['*'],
  bin: ['main', 'core'],
};
const folders = Object.keys(MAY_IMPORT);
const layerRules = folders
  .filter((folder) => !MAY_IMPORT[folder].includes('*'))
  .map((folder) => ({
    name: `${folder}-may-import-only-${[folder, ...MAY_IMPORT[folder]].join('+')}`,
    severity: 'error',
    from: { path: `^src/${folder}/`, pathNot: '[.]test[.]ts$' },
    to: { path: '^src/', pathNot: `^src/(${[folder, ...MAY_IMPORT[folder]].join('|')})/` },
  }));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    {
      name: 'every-source-folder-is-listed',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/((${folders.join('|')})/|index[.]ts$)` },
      to: {},
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'concrete-back-end-only-from-main',
      severity: 'error',
      from: { pathNot: '^(src/(main|sandbox/backends)|test)/|[.]test[.]ts$' },
      to: { path: '^src/sandbox/backends/' },
    },
    {
      name: 'back-ends-are-strangers',
      severity: 'error',
      from: { path: '^src/sandbox/backends/([^/]+)/' },
      to: { path: '^src/sandbox/backends/([^/]+)/', pathNot: '^src/sandbox/backends/$1/' },
    },
    {
      name: 'processes-only-in-platform',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/platform/|[.]test[.]ts$' },
      to: { path: '^child_process$', dependencyTypes: ['core'] },
    },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^src', pathNot: '[.]test[.]ts$' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: ['[.]d[.]ts$', '[.]test[.]ts$', '^src/bin/', '^src/index[.]ts$'],
      },
      to: {},
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
