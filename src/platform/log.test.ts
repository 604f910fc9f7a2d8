import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runProgram } from '../../test/rigs/program.ts';
import { createLog, silentLog } from './log.ts';

let dir = '';
let lines: string[] = [];
const write = (text: string): void => void lines.push(text);
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'gb-log-'));
  lines = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it('shows what is important enough, and keeps more in a private file', async () => {
  const file = path.join(dir, 'logs/server.log');
  const log = createLog({ level: 'warn', file, write });
  log.debug('one');
  log.info('two');
  log.warn('three\nfour');
  expect(lines).toEqual(['glovebox warn: three\n  four\n']);
  const text = await readFile(file, 'utf8');
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z \d+ info two\n\S+ \d+ warn three\n {2}four\n$/);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
});

it('puts debug lines into the file when asked for debug', async () => {
  const file = path.join(dir, 'server.log');
  createLog({ level: 'debug', file, write }).debug('one');
  expect(await readFile(file, 'utf8')).toContain('debug one');
  expect(lines).toEqual(['glovebox debug: one\n']);
});

it('makes no file without a line', async () => {
  const file = path.join(dir, 'server.log');
  createLog({ level: 'silent', file, write }).debug('one');
  silentLog.error('two');
  await expect(stat(file)).rejects.toThrow('ENOENT');
  expect(lines).toEqual([]);
});

it('starts a new file when the old one is big', async () => {
  const file = path.join(dir, 'server.log');
  await writeFile(file, 'x'.repeat(6 * 1024 * 1024));
  createLog({ level: 'silent', file, write }).error('fresh');
  expect(await readFile(file, 'utf8')).toMatch(/error fresh\n$/);
  expect((await stat(file)).size).toBeLessThan(1000);
  expect((await stat(`${file}.1`)).size).toBe(6 * 1024 * 1024);
});

it('does not fail work when it cannot write', async () => {
  await writeFile(path.join(dir, 'in-the-way'), '');
  const log = createLog({ level: 'info', file: path.join(dir, 'in-the-way/server.log'), write });
  log.error('lost');
  expect(lines).toEqual(['glovebox error: lost\n']);
});

it('X93: writes to stderr only, and survives that stderr is closed', async () => {
  const program = runProgram(`
    import { createLog } from '#platform/log.ts';
    const log = createLog({ level: 'info' });
    process.stdout.write('ready');
    process.stdin.resume();
    for (let n = 0; n < 200; n++) { log.info('line'); await new Promise((done) => setTimeout(done, 1)); }
    process.stdout.write('survived');
    process.exit(0);
  `);
  program.process.stderr?.destroy();
  const { output, code } = await program.ended;
  expect(output).toBe('readysurvived');
  expect(code).toBe(0);
});
