/** An agent that works through a program of its own, and goes on with a new one when that is killed. Every answer is written down. */
import type { Client } from '@modelcontextprotocol/client';
import type { Lane, Program } from './lane.ts';
import type { AgentName } from './scenario.ts';

/** A call has its wait, and so long for everything else. */
export const GRACE_MS = 45_000;

/** One call that was answered, or that ended with the program it was made to. */
export interface Call {
  readonly by: AgentName;
  readonly tool: string;
  readonly ok: boolean;
  readonly text: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly tookMs: number;
  readonly limitMs: number;
  /** The program was killed before it answered. */
  readonly unanswered: boolean;
}

export class Agent {
  readonly name: AgentName;
  readonly #lane: Lane;
  readonly #env: Readonly<Record<string, string>>;
  readonly #note: (call: Call) => void;
  #program: Promise<Program>;
  /** The one that runs, for what has to be done to it at once. */
  #running: Program | undefined;
  #stderr = '';
  wasKilled = false;

  constructor(
    name: AgentName,
    lane: Lane,
    env: Readonly<Record<string, string>>,
    note: (call: Call) => void,
  ) {
    this.name = name;
    this.#lane = lane;
    this.#env = env;
    this.#note = note;
    this.#program = this.#start();
  }

  /** 0 while there is none. */
  get pid(): number {
    return this.#running?.pid ?? 0;
  }

  get stderr(): string {
    return this.#stderr + (this.#running?.stderr() ?? '');
  }

  async #start(): Promise<Program> {
    this.#running = await this.#lane.program(this.#env);
    return this.#running;
  }

  /** Sends SIGKILL before it returns; a new program is started when the old one is gone. */
  kill(): Promise<void> {
    this.wasKilled = true;
    const old = this.#running;
    this.#running = undefined;
    const again = async (): Promise<Program> => {
      await gone;
      this.#stderr += old?.stderr() ?? '';
      return this.#start();
    };
    const gone = old?.kill() ?? Promise.resolve();
    this.#program = old === undefined ? this.#program : again();
    return this.#program.then(() => undefined);
  }

  async close(): Promise<void> {
    const program = await this.#program;
    await program.client.close();
    this.#stderr = this.stderr;
    this.#running = undefined;
  }

  /** Never rejects: an error is an answer, and a program that was killed gives none. */
  async call(tool: string, args: Record<string, unknown>, waitS = 0): Promise<Call> {
    const { client } = await this.#program;
    const begunMs = performance.now();
    const limitMs = waitS * 1000 + GRACE_MS;
    const answer = await ask(client, tool, args, limitMs + 5000);
    const { ok = false, text = 'no answer', meta = {} } = answer ?? {};
    const tookMs = performance.now() - begunMs;
    const unanswered = answer === undefined;
    const call = { by: this.name, tool, ok, text, meta, tookMs, limitMs, unanswered };
    this.#note(call);
    return call;
  }
}

async function ask(
  client: Client,
  name: string,
  args: Record<string, unknown>,
  timeout: number,
): Promise<Pick<Call, 'ok' | 'text' | 'meta'> | undefined> {
  try {
    const result = await client.callTool({ name, arguments: args }, { timeout });
    const text = result.content
      .flatMap((block) => (block.type === 'text' ? [block.text] : []))
      .join('\n');
    return { ok: result.isError !== true, text, meta: result._meta ?? {} };
  } catch {
    return undefined;
  }
}
