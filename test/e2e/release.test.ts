/** A release: complete in itself, without anything of a clone, and usable as an npm package, a folder and a branch. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { VERSION } from '#core/version.ts';
import { makeRelease, type Release } from '../rigs/release.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-release-'));
const repository = path.join(folder, 'repository');
let release: Release;

const git = (...args: readonly string[]): string =>
  spawnSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).stdout.trim();

beforeAll(() => {
  mkdirSync(repository);
  git('init', '--quiet');
  git('config', 'user.name', 'test');
  git('config', 'user.email', 'test@example.org');
  release = makeRelease(path.join(folder, 'out'), '--branch', 'release', '--into', repository);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inRelease = (file: string): string => path.join(release.marketplace, file);

describe('a release', () => {
  it('holds the plugin, what people read, and the terms of what is bundled', () => {
    expect(readdirSync(release.marketplace).toSorted()).toEqual([
      '.claude-plugin',
      'LICENSE',
      'README.md',
      'THIRD-PARTY-LICENSES.txt',
      'bench',
      'docs',
      'package.json',
      'plugin',
    ]);
    const terms = readFileSync(inRelease('THIRD-PARTY-LICENSES.txt'), 'utf8');
    const { dependencies } = z
      .looseObject({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')));
    for (const name of Object.keys(dependencies)) expect(terms).toContain(`${name} `);
  });

  it('installs nothing, and every file that its manifest names is there', () => {
    const manifest = z
      .strictObject({
        name: z.literal('glovebox'),
        version: z.literal(VERSION),
        description: z.string(),
        license: z.string(),
        type: z.literal('module'),
        bin: z.record(z.string(), z.string()),
        exports: z.unknown().optional(),
        types: z.string().optional(),
        engines: z.unknown(),
      })
      .parse(JSON.parse(readFileSync(inRelease('package.json'), 'utf8')));
    const { bin, exports: given, types } = manifest;
    const named = JSON.stringify({ bin, given, types }).match(/[\w./-]+\/[\w./-]+\.\w+/g) ?? [];
    expect(named.filter((file) => !existsSync(inRelease(file)))).toEqual([]);
    expect(existsSync(inRelease('plugin/package.json'))).toBe(false);
  });

  it('has a README without the parts for clones, whose links lead somewhere', () => {
    const text = readFileSync(inRelease('README.md'), 'utf8');
    expect(text).toContain('claude plugin install glovebox@glovebox');
    expect(text).not.toMatch(/npm (run|test)|<!--/);
    const links = [...text.matchAll(/\]\(([^)\s#]+)[^)\s]*\)/g)].map(([, target = '']) => target);
    const local = links.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.length).toBeGreaterThan(5);
    expect(local.filter((target) => !existsSync(inRelease(target)))).toEqual([]);
  });

  it('is an npm package that installs offline, alone, and runs', () => {
    const prefix = path.join(folder, 'prefix');
    mkdirSync(prefix);
    const npm = spawnSync(
      'npm',
      [
        'install',
        '--offline',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--prefix',
        prefix,
        release.tarball,
      ],
      { encoding: 'utf8', cwd: prefix },
    );
    expect({ status: npm.status, stderr: npm.stderr }).toMatchObject({ status: 0 });
    const modules = path.join(prefix, 'node_modules');
    expect(readdirSync(modules).filter((name) => !name.startsWith('.'))).toEqual(['glovebox']);
    const env = { PATH: process.env['PATH'], HOME: prefix };
    for (const program of ['.bin/glovebox', 'glovebox/plugin/bin/glovebox']) {
      const { stdout, stderr } = spawnSync(path.join(modules, program), ['--version'], {
        encoding: 'utf8',
        env,
      });
      expect({ program, stdout, stderr }).toEqual({ program, stdout: `${VERSION}\n`, stderr: '' });
    }
    const shipped = path.join(modules, 'glovebox');
    expect(existsSync(path.join(shipped, '.claude-plugin/marketplace.json'))).toBe(true);
    expect(statSync(path.join(shipped, 'plugin/bin/glovebox')).mode & 0o111).not.toBe(0);
  });

  it('is a branch with exactly these files, one commit for each release', () => {
    const files = git('ls-tree', '-r', '--name-only', 'release').split('\n');
    const made = readdirSync(release.marketplace, { recursive: true, encoding: 'utf8' }).filter(
      (file) => statSync(inRelease(file)).isFile(),
    );
    expect(files.toSorted()).toEqual(made.toSorted());
    expect(git('log', '--format=%s', 'release')).toMatch(
      new RegExp(`^Release ${VERSION}, built from \\w+$`),
    );
    expect(git('ls-tree', 'release', 'plugin/bin/glovebox')).toMatch(/^100755 /);
  });
});
