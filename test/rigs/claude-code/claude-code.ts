/** A real Claude Code, pinned, with a home of its own, cut off from the network and from the caller's environment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';

const root = path.resolve(import.meta.dirname, '../../..');

/** Newer versions behave differently: moved on purpose only. `.ci/run` installs the same. */
export const CLAUDE_VERSION = '2.1.329';
const folder = path.join(root, '.cache/claude-code');
export const claudeProgram = path.join(folder, 'node_modules/.bin/claude');
export const hasClaude = existsSync(claudeProgram);
export const howToGetClaude = `Install it once (400 MB): npm install --prefix .cache/claude-code --no-save --ignore-scripts=false @anthropic-ai/claude-code@${CLAUDE_VERSION}`;

export interface Surroundings {
  /** Home folder of the session; made when missing. */
  readonly home: string;
  /** Working folder of the session. */
  readonly project: string;
  /** Variables beside the few that Claude Code needs. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 120_000;

/** What a session sees of the world: nothing of the caller's. */
export const claudeEnvironment = (
  home: string,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string | undefined> => ({
  PATH: process.env['PATH'],
  LANG: 'C.UTF-8',
  TERM: 'dumb',
  HOME: home,
  CLAUDE_CONFIG_DIR: path.join(home, '.claude'),
  TMPDIR: path.join(home, 'tmp'),
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_TELEMETRY: '1',
  DISABLE_ERROR_REPORTING: '1',
  DISABLE_AUTOUPDATER: '1',
  ANTHROPIC_API_KEY: 'sk-ant-fake',
  // With the vendor's own address every start tries it for 18 s, also where nothing is asked of a model.
  ANTHROPIC_BASE_URL: 'http://127.0.0.1:9',
  // Whatever it might want from the network ends at a port where nobody listens.
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1,localhost',
  ...extra,
});

/** Runs `claude` with these arguments to its end. */
export async function runClaude(args: readonly string[], where: Surroundings): Promise<Ended> {
  const { home, project } = where;
  for (const dir of [home, project, path.join(home, 'tmp')]) mkdirSync(dir, { recursive: true });
  const child = spawn(claudeProgram, args, {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    env: claudeEnvironment(home, where.env),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

const blockSchema = z.looseObject({ type: z.string(), text: z.string().optional() });
const toolResultSchema = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  is_error: z.boolean().optional(),
  content: z.union([z.string(), z.array(blockSchema)]),
});

/** What the model was given for a call. */
export interface ToolOutcome {
  readonly isError: boolean;
  readonly text: string;
  readonly blockTypes: readonly string[];
}

/** The outcomes of all tool calls in a conversation, in order, as the model read them. */
export function toolOutcomes(
  messages: readonly { readonly content: unknown }[],
): readonly ToolOutcome[] {
  return messages
    .flatMap(({ content }) => (Array.isArray(content) ? content : []))
    .map((block: unknown) => toolResultSchema.safeParse(block))
    .flatMap(({ data }) => (data === undefined ? [] : [data]))
    .map(({ is_error: isError, content }) => {
      const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
      return {
        isError: isError === true,
        text: blocks.map(({ text }) => text ?? '').join('\n'),
        blockTypes: blocks.map(({ type }) => type),
      };
    });
}

const eventSchema = z.looseObject({ type: z.string(), subtype: z.string().optional() });
export type ClaudeEvent = z.infer<typeof eventSchema>;

/** The lines of `--output-format stream-json`. */
export function eventsOf(stdout: string): readonly ClaudeEvent[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => eventSchema.parse(JSON.parse(line)));
}
