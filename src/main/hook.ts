/** A hook in the real world: streams, folders, time. Imports no SDK and no schema library: it starts for every call of a tool. */
import { readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { readEnvironment, variable, type Environment } from '#config/environment.ts';
import { pluginVariable } from '#config/option.ts';
import { readModalPrices } from '#config/modal-prices.ts';
import { readPolicySettings } from '#config/policy-settings.ts';
import { truthOfWord } from '#config/truth-word.ts';
import { findProjectDir } from '#config/project.ts';
import { stateDirIn } from '#config/state-dir.ts';
import {
  claudeDirIn,
  isOutputRedacted,
  isUploadWanted,
  UPLOAD_VARIABLES,
} from '#config/transcript-settings.ts';
import type { HookWorld } from '#hooks/contract.ts';
import { runHook } from '#hooks/run-hook.ts';
import { systemClock } from '#platform/clock.ts';
import { countToFetch } from '../sandbox/backends/modal/models/fetch-machine.ts';
import { roughQuote } from '../sandbox/backends/modal/rough-quote.ts';
import { hostSession } from './host-session.ts';
import { modalAccount } from './modal-account.ts';
import { fateOfSandbox, readSandboxRecord } from './sandbox-fate.ts';

/** For what is asked of others, from the first question on. `timeout` in hooks.json is 10 s, after which a call would run unasked. */
const LIMIT_MS = 8_000;

/** Answers one event and resolves with the exit code; what it says is written by then. */
export async function runHookProcess(event: string | undefined): Promise<number> {
  const stdin = await readAll();
  const outcome = await runHook(event, stdin, createWorld(readEnvironment(), process.cwd()));
  if (outcome.stderr !== undefined) await keepInLog(outcome.stderr);
  write(1, outcome.stdout);
  write(2, outcome.stderr);
  return outcome.exitCode;
}

/** Of some events nobody sees what a hook writes. */
async function keepInLog(text: string): Promise<void> {
  const { createLog } = await import('#platform/log.ts');
  const dir = stateDirIn(readEnvironment(), process.cwd());
  createLog({ level: 'silent', file: path.join(dir, 'logs', 'hooks.log') }).warn(text.trimEnd());
}

function createWorld(env: Environment, cwd: string): HookWorld {
  const dir = stateDirIn(env, cwd);
  let jobFates: Promise<HookWorld['fateOfJob']> | undefined;
  let limit: AbortSignal | undefined;
  return {
    env,
    dir,
    projectDir: findProjectDir({ env, cwd }),
    clock: systemClock,
    sessionId: hostSession(env) ?? 'unknown',
    settings: readPolicySettings(env),
    defaultBackend: defaultBackendIn(env),
    async quoteOf(backend, options) {
      if (backend !== 'modal') return undefined;
      const prices = await readModalPrices(env, dir);
      const quote = roughQuote(options, prices, await countToFetch(options['models'], dir));
      if (quote === undefined) return undefined;
      const account = await modalAccount(env, dir);
      return account === undefined ? quote : { ...quote, account };
    },
    readSandbox: (id) => readSandboxRecord(dir, id),
    fateOf: (id) => fateOfSandbox(dir, id),
    async fateOfJob(entry, signal) {
      jobFates ??= import('./job-fates-for-hook.ts').then((file) => file.jobFatesForHook(env, cwd));
      return (await jobFates)(entry, signal);
    },
    async whoAmI(signal) {
      const { hubIdentity } = await import('./hub-identity.ts');
      return hubIdentity(env, dir, systemClock.now(), signal);
    },
    async flavors(signal) {
      const { hubPrices } = await import('./hub-prices.ts');
      return hubPrices(env, dir, systemClock.now(), signal);
    },
    jobNamespace: variable(env, 'GLOVEBOX_HF_NAMESPACE') ?? variable(env, 'HF_NAMESPACE'),
    uploads: {
      isOn: isUploadWanted(env),
      repo: variable(env, UPLOAD_VARIABLES.repo.env) ?? variable(env, UPLOAD_VARIABLES.repo.old),
      claudeDir: claudeDirIn(env),
      async startWorker() {
        const { startUploadWorker } = await import('./start-worker.ts');
        await startUploadWorker(env, dir);
      },
    },
    redactsOutputs: isOutputRedacted(env),
    async loadRedactor() {
      const [{ loadRedactor }, { hubTokenFile }] = await Promise.all([
        import('#policy/redaction/secrets-of-machine.ts'),
        import('./hub-identity.ts'),
      ]);
      return loadRedactor({ env, dir, tokenFiles: [hubTokenFile(env)] });
    },
    get signal() {
      limit ??= AbortSignal.timeout(LIMIT_MS);
      return limit;
    },
  };
}

function defaultBackendIn(env: Environment): string | undefined {
  const old = variable(env, 'ML_INTERN_LOCAL_MODE');
  const isLocal = old !== undefined && truthOfWord(old) === true;
  return (
    variable(env, 'GLOVEBOX_BACKEND') ??
    variable(env, pluginVariable('backend')) ??
    variable(env, 'JLAB_MCP_RUN_MODE') ??
    (isLocal ? 'local' : undefined)
  );
}

/** Directly: the streams of Node cost a third of what the whole process takes. A descriptor that does not wait goes by the stream. */
async function readAll(): Promise<string> {
  try {
    return readFileSync(0, 'utf8');
  } catch {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('utf8');
  }
}

function write(descriptor: 1 | 2, text: string | undefined): void {
  if (text === undefined || text === '') return;
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}
