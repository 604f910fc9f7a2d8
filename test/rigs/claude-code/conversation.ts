/** A conversation with a real Claude Code in which the test plays the person: it answers prompts and questions. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { claudeEnvironment, claudeProgram, type Surroundings } from './claude-code.ts';

/** Claude Code's own prompt for a call. */
const permission = z.looseObject({
  subtype: z.literal('can_use_tool'),
  tool_name: z.string(),
  input: z.looseObject({}),
  decision_reason: z.string().optional(),
});
/** A question of an MCP server. */
const elicitation = z.looseObject({ subtype: z.literal('elicitation'), message: z.string() });

const event = z.looseObject({
  type: z.string(),
  request_id: z.string().optional(),
  request: z.looseObject({ subtype: z.string() }).optional(),
});

export interface PersonOfTest {
  readonly onPermission: (asked: z.infer<typeof permission>) => 'allow' | 'deny';
  readonly onElicitation: (asked: z.infer<typeof elicitation>) => 'approve' | 'decline';
}

export interface Talk {
  readonly code: number | null;
  /** The event that ended the turn. */
  readonly result: Readonly<Record<string, unknown>>;
  /** Every question as it came, for a test that looks closer. */
  readonly asked: readonly Readonly<Record<string, unknown>>[];
}

const LIMIT_MS = 120_000;

/** Says one thing, answers what is asked on the way, and ends when the model has. */
export async function converse(
  text: string,
  args: readonly string[],
  { home, project, env }: Surroundings,
  person: PersonOfTest,
): Promise<Talk> {
  for (const dir of [home, project, path.join(home, 'tmp')]) mkdirSync(dir, { recursive: true });
  const stream = ['--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];
  const child = spawn(
    claudeProgram,
    ['-p', ...stream, '--permission-prompt-tool', 'stdio', ...args],
    {
      cwd: project,
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: LIMIT_MS,
      env: claudeEnvironment(home, env),
    },
  );
  const ended = once(child, 'close');
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
  const answer = (id: string, response: object): void =>
    send({ type: 'control_response', response: { subtype: 'success', request_id: id, response } });
  const asked: Readonly<Record<string, unknown>>[] = [];
  let result: Readonly<Record<string, unknown>> = {};
  send({
    type: 'control_request',
    request_id: 'hello',
    request: { subtype: 'initialize', hooks: {} },
  });
  send({
    type: 'user',
    message: { role: 'user', content: text },
    parent_tool_use_id: null,
    session_id: '',
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    const { type, request_id: id = '', request, ...rest } = event.parse(JSON.parse(line));
    if (type === 'control_request' && request !== undefined) {
      asked.push(request);
      const prompt = permission.safeParse(request);
      const question = elicitation.safeParse(request);
      if (prompt.success) {
        const isAllowed = person.onPermission(prompt.data) === 'allow';
        answer(
          id,
          isAllowed
            ? { behavior: 'allow', updatedInput: prompt.data.input }
            : { behavior: 'deny', message: 'The user said no.' },
        );
      } else if (question.success) {
        answer(id, {
          action: 'accept',
          content: { decision: person.onElicitation(question.data) },
        });
      }
    }
    if (type === 'result') {
      result = rest;
      child.stdin.end();
    }
  }
  await ended;
  return { code: child.exitCode, result, asked };
}
