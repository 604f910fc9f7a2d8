/** How a tool is declared: data for the model, a strict input, and one function that answers. */
import type * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { isRecord, type JsonObject } from '#core/json.ts';
import { didYouMean } from '#core/nearest.ts';
import type { GithubContext } from '#github/context.ts';
import type { HubContext } from '#hub/context.ts';
import type { JobLocals } from '#hub/jobs/locals.ts';
import type { Block } from '#notebook/contract.ts';
import type { ImageRenderer } from '#notebook/render/images.ts';
import type { Progress } from '#sandbox/backend.ts';
import type { Sandboxes, SandboxWait } from '#sandbox/sandboxes.ts';
import type { Sessions } from '#session/sessions.ts';
import type { SandboxFiles } from '#shell/files.ts';
import type { Reloaded } from '#shell/reload.ts';
import type { Shell } from '#shell/shell.ts';
import type { MicroUsd } from '#core/money.ts';
import type { ProjectTransfer } from '#shell/project-transfer.ts';
import type { Interfaces } from '#workspace/interfaces.ts';
import type { Workspace } from '#workspace/workspace.ts';
import type { FoundSecret } from '#policy/redaction/find-secrets.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import type { Transfer } from '#shell/transfer.ts';
import type { AskPerson, Authorize, CallOrigin } from './authorize.ts';

/** A group of tools that can be switched off as one. */
export const TOOLSETS = ['notebook', 'sandbox', 'hub', 'github'] as const;
export type Toolset = (typeof TOOLSETS)[number];

/** What a tool may use. Built once per server in `main`. */
export interface ToolServices {
  readonly sessions: Sessions;
  readonly sandboxes: Sandboxes;
  readonly shell: Shell;
  readonly files: SandboxFiles;
  readonly projectTransfer: ProjectTransfer;
  /** Imports Python modules anew in the sessions of a sandbox whose files, by absolute path, were replaced. Never fails. */
  readonly reload: (
    sandboxId: string,
    files: readonly string[],
    wait: SandboxWait,
  ) => Promise<readonly Reloaded[]>;
  readonly workspace: Workspace;
  readonly interfaces: Interfaces;
  readonly transfer: Transfer;
  /** The user's project on this machine, an absolute path. */
  readonly projectDir: string;
  readonly settings: ToolSettings;
  readonly images: ImageRenderer;
  readonly hub: HubContext;
  readonly jobs: JobLocals;
  readonly github: GithubContext;
  /** Asked before anything outside is changed, with every fact about it. */
  readonly authorize: Authorize;
  readonly spend: SpendServices;
  /** Which kinds of secrets are in what is about to leave the machine, the exact values of this machine among them. */
  findSecrets(content: string | Uint8Array): Promise<readonly FoundSecret[]>;
  /** With every secret that is known now, for what is shown redacted whatever is configured. Never rejects. */
  loadRedactor(): Promise<Pick<Redactor, 'text'>>;
  /** These values are secrets from now on: they go where they may be printed. */
  learnSecrets(values: readonly string[]): void;
}

/** What is spent, as answers tell it. */
export interface SpendServices {
  /** `spent or reserved $3.63 of $5.00 this session · $7.10 today`; undefined as long as nothing was spent. Never rejects. */
  line(): Promise<string | undefined>;
  /** The host's session, or this process's own. */
  session(): string;
}

/** Options that tools read. Each is a call, so that a bad value fails the tool that needs it and nothing else. */
export interface ToolSettings {
  /** How long a call waits by default before it answers with a handle, in milliseconds. */
  waitMs(): number;
  /** The folder new notebooks go to, and the root that notebook paths must stay in (or in the project). */
  notebookDir(): string;
  /** Characters of text in one answer. */
  outputChars(): number;
  /** Longest edge of an image in an answer, in pixels. */
  imageMaxPx(): number;
}

export interface ToolContext extends ToolServices {
  /** Fires when the client cancels the call. */
  readonly signal: AbortSignal;
  /** Tells the client how far the call is; nothing happens when the client did not ask for progress. */
  readonly report: (progress: Progress) => void;
  /** Reaches the person behind this call, where the caller of the tool can. For `authorize`. */
  readonly ask: AskPerson;
  /** The call as its client made it, for `authorize`. */
  readonly origin?: CallOrigin;
  /** What the person at the terminal agreed to beforehand. */
  readonly approvedMaxMicroUsd?: MicroUsd;
}

/** An answer: blocks in reading order. A failure is thrown as a GloveboxError instead. */
export interface ToolResult {
  readonly blocks: readonly Block[];
  /** For machines; no model sees it. */
  readonly meta?: JsonObject;
}

/** The MCP annotations, all four, so that none is forgotten. Tools with `readOnly` run in parallel in some clients. */
export interface ToolHints {
  readonly readOnly: boolean;
  readonly destructive: boolean;
  readonly idempotent: boolean;
  readonly openWorld: boolean;
}

export interface Tool {
  /** Equals the file name with `_` for `-`. */
  readonly name: string;
  readonly toolset: Toolset;
  /** A short title for people. */
  readonly title: string;
  /** For the model, at most 2 KB. */
  readonly description: string;
  /** A strict object without a union at its root; every field described, units in names. */
  readonly input: z.ZodObject;
  /** What is told of the arguments where that is not made from `input`: JSON Schema. */
  readonly publishedSchema?: JsonObject;
  /** Of a tool that comes and goes: differs where a call would reach something else. */
  readonly revision?: string;
  readonly hints: ToolHints;
  /** Part of the daily loop: its schema is in every request of clients that load tools on demand. */
  readonly alwaysLoad: boolean;
  /** @throws GloveboxError; `input/invalid` for arguments that do not fit. */
  run(rawInput: unknown, context: ToolContext): Promise<ToolResult>;
}

interface ToolSpec<Schema extends z.ZodObject> extends Omit<Tool, 'input' | 'run' | 'alwaysLoad'> {
  readonly input: Schema;
  readonly alwaysLoad?: boolean;
  run(input: z.output<Schema>, context: ToolContext): Promise<ToolResult>;
}

export function defineTool<Schema extends z.ZodObject>(spec: ToolSpec<Schema>): Tool {
  return {
    ...spec,
    alwaysLoad: spec.alwaysLoad ?? false,
    run: async (rawInput, context) =>
      spec.run(parseInput(spec.name, spec.input, rawInput), context),
  };
}

function parseInput<Schema extends z.ZodObject>(
  name: string,
  schema: Schema,
  raw: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(raw ?? {});
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape);
  const mistakes = parsed.error.issues.map((issue) => mistakeOf(issue, known, raw));
  throw new GloveboxError('input/invalid', `Arguments of ${name}: ${mistakes.join('; ')}`, {
    hint: `${name} takes: ${known.join(', ') || 'no arguments'}.`,
  });
}

/** zod's own words for what is missing and what is too much are made for programmers. */
function mistakeOf(issue: z.core.$ZodIssue, known: readonly string[], raw: unknown): string {
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const inside = at === '' ? '' : ` in ${at}`;
    return issue.keys
      .map((key) => `there is no ${key}${inside}.${at === '' ? didYouMean(key, known) : ''}`)
      .join(' ');
  }
  const [argument] = issue.path;
  const isMissing =
    issue.path.length === 1 &&
    typeof argument === 'string' &&
    !(isRecord(raw) && raw[argument] !== undefined);
  if (isMissing) return `${at} is missing`;
  return at === '' ? issue.message : `${at}: ${issue.message}`;
}

/** Lines at the end of an answer, or the answer as it is. */
export function withLines(result: ToolResult, lines: readonly string[]): ToolResult {
  if (lines.length === 0) return result;
  return { ...result, blocks: [...result.blocks, { type: 'text', text: lines.join('\n') }] };
}

/** An answer of one text block. */
export function textResult(text: string, meta?: JsonObject): ToolResult {
  return { blocks: [{ type: 'text', text }], ...(meta !== undefined && { meta }) };
}
