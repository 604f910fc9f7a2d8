/** Gives the two gRPC service definitions that the Modal SDK bundles but does not export; refuses a version that renamed them. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NAMES = ['ModalClientDefinition', 'TaskCommandRouterDefinition'];

const bundle = fileURLToPath(import.meta.resolve('modal'));
const source = readFileSync(bundle, 'utf8');
for (const name of NAMES) {
  if (!new RegExp(`^var ${name} = \\{`, 'm').test(source)) {
    throw new Error(
      `The modal package no longer defines ${name}: adapt the fake to the new version.`,
    );
  }
}

// A copy with one more export. The hash keeps a copy of another version from being used, and the rename keeps test files that
// run in parallel from seeing half of it.
const folder = path.resolve(import.meta.dirname, '../../../.cache/modal-definitions');
const hash = createHash('sha256').update(source).digest('hex').slice(0, 12);
const copy = path.join(folder, `modal-${hash}.mjs`);
if (!existsSync(copy)) {
  mkdirSync(folder, { recursive: true });
  const draft = `${copy}.${process.pid}`;
  writeFileSync(draft, `${source}\nexport { ${NAMES.join(', ')} };\n`);
  renameSync(draft, copy);
}

export const { ModalClientDefinition, TaskCommandRouterDefinition } = await import(
  pathToFileURL(copy).href
);
