/** A home with transcripts of Claude Code in it, the fake Hub, and the upload of transcripts between them. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { createUploadsOf } from '#main/uploads.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { createTranscriptQueue, type TranscriptQueue } from '#transcripts/queue.ts';
import type { Uploads } from '#transcripts/uploads.ts';
import { addAccount, allowNewRepos, type FakeRepo } from '../fakes/hub/fake-repo.ts';
import { startFakeServices, TOKEN_ENV, type FakeServices } from '../fakes/hub/fake-services.ts';

export interface TranscriptWorld {
  readonly services: FakeServices;
  readonly env: Readonly<Record<string, string>>;
  readonly dir: string;
  readonly home: string;
  readonly claudeDir: string;
  readonly projectDir: string;
  readonly queue: TranscriptQueue;
  /** Repositories that were made at the Hub. */
  readonly made: ReadonlyMap<string, FakeRepo>;
  /** Another process of the product, with these variables on top. */
  uploads(env?: Readonly<Record<string, string>>): Promise<Uploads>;
  /** Writes a transcript and returns its path. */
  transcript(sessionId: string, lines: readonly unknown[]): string;
}

export const DATASET = 'me/glovebox-sessions';

/** Ends with the test, which fails when the Hub was called in a way that it does not know, or when a secret leaked. */
export async function startTranscripts(
  options: { readonly env?: Readonly<Record<string, string>>; readonly account?: boolean } = {},
): Promise<TranscriptWorld> {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-transcripts-')));
  const home = path.join(root, 'home');
  const claudeDir = path.join(home, '.claude');
  const projectDir = path.join(root, 'project');
  const folder = path.join(claudeDir, 'projects', '-project');
  for (const each of [folder, projectDir]) mkdirSync(each, { recursive: true });
  const services = await startFakeServices();
  if (options.account !== false) addAccount(services, 'me', ['org']);
  const made = allowNewRepos(services);
  const dir = path.join(root, 'state');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    GLOVEBOX_DIR: dir,
    ...services.env,
    ...TOKEN_ENV,
    ...options.env,
  };
  onTestFinished(async () => {
    await services.close();
    rmSync(root, { recursive: true, force: true });
    expect(services.unexpected(), 'calls that no fake knows').toEqual([]);
    expect(services.leaks(), 'secrets that went elsewhere').toEqual([]);
  });
  return {
    services,
    env,
    dir,
    home,
    claudeDir,
    projectDir,
    made,
    queue: createTranscriptQueue(dir, systemClock),
    async uploads(more = {}) {
      const all = { ...env, ...more };
      const config = await loadConfig({ env: all, cwd: projectDir, projectDir });
      return createUploadsOf(config, all, silentLog, systemClock, { pausesMs: [1, 1] });
    },
    transcript(sessionId, lines) {
      const file = path.join(folder, `${sessionId}.jsonl`);
      const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
      writeFileSync(file, text.join('\n'));
      return file;
    },
  };
}
