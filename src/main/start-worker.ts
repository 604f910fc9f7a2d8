/** Starts the worker that uploads transcripts: detached, so that it outlives the host that is about to end. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '#config/environment.ts';
import { ensurePrivateFolder } from '#platform/files.ts';
import { spawnDetached } from '#platform/process.ts';

/** What the host tells its children about itself; the worker is no child of a session. */
const OF_THE_HOST = /^(?:CLAUDECODE|CLAUDE_CODE_|CLAUDE_ENV_FILE|CLAUDE_PROJECT_DIR|AI_AGENT)/;
/** Secret options of the plugin, by the variable that everything else reads. */
const FROM_PLUGIN = { CLAUDE_PLUGIN_OPTION_HF_TOKEN: 'GLOVEBOX_HF_TOKEN' } as const;

/**
 * Tokens go along in its environment, and every other secret too: what it knows it takes out of the transcript. Its arguments
 * hold none. Resolves as soon as it runs.
 */
export async function startUploadWorker(env: Environment, dir: string): Promise<void> {
  await ensurePrivateFolder(dir);
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && !OF_THE_HOST.test(name)) passed[name] = value;
  for (const [option, name] of Object.entries(FROM_PLUGIN)) {
    const value = env[option];
    if (value !== undefined && value !== '' && (passed[name] ?? '') === '') passed[name] = value;
  }
  passed['GLOVEBOX_DIR'] = dir;
  await spawnDetached(workerProgram(), {
    cwd: dir,
    env: passed,
    logFile: path.join(dir, 'transcripts-worker.log'),
  });
}

/** Beside the bundle, or from the sources as this process was started. */
function workerProgram(): readonly string[] {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const bundled = path.join(here, 'cli.mjs');
  const cli = existsSync(bundled) ? bundled : path.join(here, '../bin/cli.ts');
  return [process.execPath, ...process.execArgv, cli, 'transcripts', 'upload', '--worker'];
}
