/** Pictures of every kind, made by Pillow once per checkout, below `.cache/`. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { testPython } from './python.ts';

const root = path.resolve(import.meta.dirname, '../..');
const script = path.join(root, 'test/fixtures/outputs/make-images.py');

/** Reads a sample by its name, e.g. `rgb.png`; the script lists them. */
export function sampleImage(name: string): Buffer {
  return readFileSync(path.join(sampleImages(), name));
}

function sampleImages(): string {
  const version = createHash('sha256').update(readFileSync(script)).digest('hex').slice(0, 12);
  const folder = path.join(root, `.cache/images-${version}`);
  if (existsSync(folder)) return folder;
  const building = `${folder}.${process.pid}`;
  mkdirSync(building, { recursive: true });
  const { status, stderr } = spawnSync(testPython(), [script], { cwd: building, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script} failed: ${stderr}`);
  try {
    renameSync(building, folder);
  } catch {
    // Another test process was faster.
    rmSync(building, { recursive: true, force: true });
  }
  return folder;
}
