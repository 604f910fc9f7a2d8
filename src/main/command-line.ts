/** The command line in the real world: streams, signals, files, the browser. */
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { CliHost, CliStream } from '#cli/host.ts';
import { runCli } from '#cli/program.ts';
import { readEnvironment, type Environment } from '#config/environment.ts';
import { loadConfig } from '#config/load.ts';
import { findProjectDir } from '#config/project.ts';
import { isOutputRedacted } from '#config/transcript-settings.ts';
import { VERSION } from '#core/version.ts';
import { systemClock } from '#platform/clock.ts';
import { ensurePrivateFolder, writeFileAtomic } from '#platform/files.ts';
import { holdProcess } from '#platform/hold-process.ts';
import { createLog } from '#platform/log.ts';
import { childEnvironment } from '#platform/environment.ts';
import { findProgram, spawnDetached } from '#platform/process.ts';
import { tools } from '#tools/index.ts';
import { askAtTerminal, promptAtTerminal } from './ask-at-terminal.ts';
import { createDoctorProbes } from './doctor-probes.ts';
import { isRunByAgent } from './host-session.ts';
import { keepStdoutForProtocol } from './protocol-stdout.ts';
import { startScript } from './start-script.ts';
import { sshSettings } from './ssh-settings.ts';

/** Runs one command and resolves with its exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const release = holdProcess();
  try {
    return await runCli(argv, createHost(readEnvironment(), process.cwd()));
  } finally {
    release();
  }
}

/** What commands get; streams can be replaced to read what they write. */
export function createHost(env: Environment, cwd: string): CliHost {
  let projectDir = findProjectDir({ env, cwd });
  return {
    version: VERSION,
    cwd,
    stdout: streamOf(process.stdout),
    stderr: streamOf(process.stderr),
    clock: systemClock,
    tools,
    probes: createDoctorProbes(env, () => projectDir),

    loadConfig(flags) {
      const named = flags.project_dir;
      if (typeof named === 'string')
        projectDir = findProjectDir({ env: { ...env, GLOVEBOX_PROJECT_DIR: named }, cwd });
      return loadConfig({ env, cwd, flags, projectDir });
    },

    async openUploads(config) {
      const { createUploadsOf } = await import('./uploads.ts');
      const file = path.join(config.getOrDefault('log.dir'), 'transcripts.log');
      return createUploadsOf(config, env, createLog({ level: 'error', file }), systemClock);
    },

    async openServices(config) {
      const { createApp } = await import('./app.ts');
      const log = createLog({
        level: config.getOrDefault('log.debug') ? 'debug' : 'warn',
        file: path.join(config.getOrDefault('log.dir'), 'cli.log'),
      });
      const app = createApp({ config, env, projectDir, log });
      return {
        projectDir,
        sessions: app.services.sessions,
        sandboxes: app.services.sandboxes,
        interfaces: app.services.interfaces,
        callTool: async (tool, input, call) => {
          const result = await tool.run(input, { ...app.services, ...call });
          if (!isOutputRedacted(env)) return result;
          const redactor = await app.redactor.load();
          const blocks = result.blocks.map((block) =>
            block.type === 'text' ? { ...block, text: redactor.text(block.text).value } : block,
          );
          return { ...result, blocks };
        },
        policy: app.policy,
        replacements: app.replacements,
        close: app.close,
      };
    },

    async redact(config, words) {
      const { createRedactor } = await import('#policy/redaction/redactor.ts');
      if (config === undefined) return createRedactor().text(words).value;
      const { createLiveRedactor } = await import('./redaction.ts');
      return (await createLiveRedactor(config, env, systemClock).load()).text(words).value;
    },

    ask: askAtTerminal(isRunByAgent(env)),
    prompt: (question, signal) =>
      isRunByAgent(env) ? Promise.resolve(undefined) : promptAtTerminal(question, signal),
    isRunByAgent: isRunByAgent(env),
    readStdin: () => text(process.stdin),

    onInterrupt(callback) {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.on(signal, callback);
      return () => {
        for (const signal of signals) process.off(signal, callback);
      };
    },

    openInBrowser: (file) => openInBrowser(file, env),

    async logIn(config, destination, signal) {
      const { openMaster } = await import('#platform/ssh-control.ts');
      return openMaster(sshSettings(config, env, destination), signal);
    },

    runScript: (request, events, signal) =>
      startScript(
        { ...request, cwd, env: { ...env, GLOVEBOX_PROJECT_DIR: projectDir } },
        events,
        signal,
      ),

    async saveFile(config, name, data, folder) {
      const target = folder ?? path.join(config.get('dir'), 'saved');
      if (folder === undefined) await ensurePrivateFolder(target);
      const file = path.join(target, name);
      await writeFileAtomic(file, data);
      return file;
    },

    async serveMcp() {
      keepStdoutForProtocol();
      const { serve } = await import('./serve.ts');
      await serve();
      // The end of the connection ends the process.
      await new Promise(() => undefined);
    },
  };
}

function streamOf(stream: NodeJS.WriteStream): CliStream {
  // A reader that went away (`glovebox logs | head`) is no failure of ours.
  let isClosed = false;
  stream.on('error', () => {
    isClosed = true;
  });
  return {
    write: (chunk) => void stream.write(chunk),
    get isClosed() {
      return isClosed;
    },
    isTTY: stream.isTTY,
    columns: stream.columns,
  };
}

async function openInBrowser(file: string, env: Environment): Promise<boolean> {
  const isMac = process.platform === 'darwin';
  const hasScreen =
    isMac ||
    [env['DISPLAY'], env['WAYLAND_DISPLAY']].some((name) => name !== undefined && name !== '');
  const opener = hasScreen
    ? await findProgram(isMac ? 'open' : 'xdg-open', env['PATH'])
    : undefined;
  if (opener === undefined) return false;
  const pass = [
    'DISPLAY',
    'WAYLAND_DISPLAY',
    'XAUTHORITY',
    'XDG_*',
    'DBUS_SESSION_BUS_ADDRESS',
    'BROWSER',
  ];
  await spawnDetached([opener, file], {
    cwd: '/',
    env: childEnvironment(env, { pass }),
    logFile: '/dev/null',
  });
  return true;
}
