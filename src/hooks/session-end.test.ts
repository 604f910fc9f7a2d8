/** SessionEnd and PostToolUse: what they queue and take out, and that nothing odd makes them fail. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createRedactor } from '#policy/redaction/redactor.ts';
import { createTranscriptQueue } from '#transcripts/queue.ts';
import { hookWorld } from '../../test/rigs/hook-world.ts';
import type { HookWorld } from './contract.ts';
import { runHook } from './run-hook.ts';

const ID = '0f8fad5b-d9cb-469f-a165-70867728950e';
let root: string;
let folder: string;
let started: number;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-end-')));
  folder = path.join(root, '.claude', 'projects', '-p');
  mkdirSync(folder, { recursive: true });
  mkdirSync(path.join(root, 'project'));
  started = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const worldWith = (isOn: boolean | undefined, more: Partial<HookWorld> = {}): HookWorld =>
  hookWorld(path.join(root, 'state'), {
    projectDir: path.join(root, 'project'),
    sessionId: ID,
    quoteOf: async () => undefined,
    uploads: {
      isOn,
      repo: undefined,
      claudeDir: path.join(root, '.claude'),
      startWorker: async () => {
        started += 1;
      },
    },
    loadRedactor: async () => createRedactor({ known: ['Zq8!short-secret'] }),
    ...more,
  });

const write = (file: string): string => {
  writeFileSync(file, '{}\n');
  return file;
};
const end = (input: unknown, world = worldWith(true)) =>
  runHook('SessionEnd', typeof input === 'string' ? input : JSON.stringify(input), world);
const queue = () => createTranscriptQueue(path.join(root, 'state'), systemClock).list();

describe('11.6: SessionEnd', () => {
  it('puts one record into the queue and starts the worker', async () => {
    const transcript_path = write(path.join(folder, `${ID}.jsonl`));
    expect(await end({ session_id: ID, transcript_path, reason: 'other' })).toEqual({
      exitCode: 0,
    });
    expect(await queue()).toMatchObject([
      { sessionId: ID, transcriptPath: transcript_path, state: 'pending' },
    ]);
    await end({ session_id: ID, transcript_path });
    expect(await queue()).toHaveLength(1);
    expect(started).toBe(2);
  });

  it.each([undefined, false])('writes nothing while the upload is %s', async (isOn) => {
    const transcript_path = write(path.join(folder, `${ID}.jsonl`));
    expect(await end({ session_id: ID, transcript_path }, worldWith(isOn))).toEqual({
      exitCode: 0,
    });
    expect(await queue()).toEqual([]);
    expect(started).toBe(0);
  });

  it.each<[string, () => unknown]>([
    [
      'a file of the project',
      () => ({ session_id: ID, transcript_path: write(path.join(root, 'project', `${ID}.jsonl`)) }),
    ],
    [
      'a path with ..',
      () => ({
        session_id: ID,
        transcript_path: `${folder}/../-p/${path.basename(write(path.join(folder, `${ID}.jsonl`)))}`,
      }),
    ],
    [
      'a link out of the folder',
      () => {
        symlinkSync(
          write(path.join(root, 'project', `${ID}.jsonl`)),
          path.join(folder, `${ID}.jsonl`),
        );
        return { session_id: ID, transcript_path: path.join(folder, `${ID}.jsonl`) };
      },
    ],
    [
      'a folder',
      () => {
        mkdirSync(path.join(folder, `${ID}.jsonl`));
        return { session_id: ID, transcript_path: path.join(folder, `${ID}.jsonl`) };
      },
    ],
    [
      'another name',
      () => ({ session_id: ID, transcript_path: write(path.join(folder, 'other-name.jsonl')) }),
    ],
    ['a relative path', () => ({ session_id: ID, transcript_path: `${ID}.jsonl` })],
    [
      'an id that leads elsewhere',
      () => ({ session_id: '../../x', transcript_path: write(path.join(folder, `${ID}.jsonl`)) }),
    ],
    ['no id', () => ({ session_id: '', transcript_path: write(path.join(folder, `${ID}.jsonl`)) })],
    [
      'an id of 200 characters',
      () => ({
        session_id: 'a'.repeat(200),
        transcript_path: write(path.join(folder, `${ID}.jsonl`)),
      }),
    ],
    ['a number for a path', () => ({ session_id: ID, transcript_path: 7 })],
    ['no JSON', () => 'no json'],
    ['nothing', () => ''],
    ['a list', () => []],
  ])('does not queue %s, says so in one line, and never fails', async (_, make) => {
    const { exitCode, stderr } = await end(make());
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^glovebox: the transcript is not uploaded: .*\n$/);
    expect(await queue()).toEqual([]);
  });
});

describe('PostToolUse', () => {
  const after = (tool_response: unknown, more: Partial<HookWorld> = {}) =>
    runHook(
      'PostToolUse',
      JSON.stringify({ tool_name: 'Bash', tool_response }),
      worldWith(undefined, { redactsOutputs: true, ...more }),
    );

  it('replaces what holds a secret, in the same structure', async () => {
    const { stdout } = await after({ stdout: 'key Zq8!short-secret', interrupted: false });
    expect(JSON.parse(stdout ?? '')).toEqual({
      hookSpecificOutput: {
        hookEventName: 'PostToolUse',
        updatedToolOutput: { stdout: 'key [REDACTED:known-secret]', interrupted: false },
      },
    });
  });

  it('says nothing where nothing was found, and where nobody wants it', async () => {
    expect(await after({ stdout: 'fine' })).toEqual({ exitCode: 0 });
    expect(await after({ stdout: 'Zq8!short-secret' }, { redactsOutputs: false })).toEqual({
      exitCode: 0,
    });
  });

  it.each(['', 'no json', '[]', '{}', '{"tool_response":null}'])(
    'does nothing about %j',
    async (stdin) => {
      expect(
        await runHook('PostToolUse', stdin, worldWith(undefined, { redactsOutputs: true })),
      ).toEqual({ exitCode: 0 });
    },
  );

  it('lets the output through as it is when it fails itself', async () => {
    const broken = { loadRedactor: () => Promise.reject(new Error('broken')) };
    expect(await after({ stdout: 'x' }, broken)).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('broken'),
    });
  });
});
