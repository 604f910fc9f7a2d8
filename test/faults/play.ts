/** Plays a script against a lane and writes down everything that was answered. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@modelcontextprotocol/client';
import { killKernel, signal, type Lane, type Program } from './lane.ts';
import { codeOf, type CellWork, type Fault, type Scenario, type ScenarioStep } from './scenario.ts';

/** A call has its wait, and so long for everything else. */
export const GRACE_MS = 45_000;
const LAST_WAIT_S = 60;

/** One call that was answered, or that ended with the program it was made to. */
export interface Call {
  readonly tool: string;
  readonly ok: boolean;
  readonly text: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly tookMs: number;
  readonly limitMs: number;
  /** The program was killed before it answered. */
  readonly unanswered: boolean;
}

export interface PlayedRun {
  readonly work: CellWork;
  readonly answers: Call[];
  readonly interrupted: boolean;
}

export interface PlayedText {
  readonly cellId: string;
  /** The texts that it may have now: the last acknowledged one, and those of later calls that were not answered. */
  texts: string[];
}

export interface History {
  readonly seed: number;
  readonly calls: Call[];
  readonly runs: PlayedRun[];
  readonly texts: PlayedText[];
  readonly faults: Fault[];
  /** The notebook at the end. */
  notebook: string;
  /** The lines of the effect log that belong to this script. */
  effects: readonly Effect[];
  stderr: string;
}

export interface Effect {
  readonly tag: string;
  readonly what: string;
  readonly pid: number;
}

export function effectsOf(lane: Lane, seed: number): readonly Effect[] {
  let text = '';
  try {
    text = readFileSync(lane.logFile, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line.startsWith(`t${seed}-`))
    .map((line) => {
      const [tag = '', what = '', pid = ''] = line.split(' ');
      return { tag, what, pid: Number(pid) };
    });
}

export async function play(lane: Lane, scenario: Scenario): Promise<History> {
  const player = new Player(lane, scenario);
  return player.play();
}

class Player {
  readonly #lane: Lane;
  readonly #scenario: Scenario;
  readonly #history: History;
  #program: Promise<Program> | undefined;
  #sessionId = '';
  #kernelId = '';

  constructor(lane: Lane, scenario: Scenario) {
    this.#lane = lane;
    this.#scenario = scenario;
    this.#history = {
      seed: scenario.seed,
      calls: [],
      runs: [],
      texts: [],
      faults: [],
      notebook: '',
      effects: [],
      stderr: '',
    };
  }

  async play(): Promise<History> {
    const history = this.#history;
    this.#program = this.#lane.program();
    try {
      await this.#begin();
      for (const step of this.#scenario.steps) await this.#playStep(step);
      await this.#settle();
    } finally {
      const program = await this.#program;
      history.stderr += program.stderr();
      await this.#call('shutdown_session', { session_id: this.#sessionId });
      await program.client.close();
    }
    history.effects = effectsOf(this.#lane, history.seed);
    return history;
  }

  async #begin(): Promise<void> {
    const name = `seed ${this.#scenario.seed}`;
    const started = await this.#call('start_new_notebook', { experiment_name: name });
    this.#sessionId = textOf(started.meta['session_id']);
    this.#history.notebook = textOf(started.meta['notebook_path']);
    if (!started.ok) throw new Error(`seed ${this.#scenario.seed}: ${started.text}`);
    this.#kernelId = textOf(started.meta['kernel_id']) || (await this.#findKernel());
    // Its effect tells the process number of the kernel.
    await this.#execute(
      { tag: `t${this.#scenario.seed}-first`, lines: 1, pauseMs: 0, raises: false },
      20,
    );
  }

  /** The kernel of this session's notebook, as the server tells it. */
  async #findKernel(): Promise<string> {
    const name = this.#history.notebook.split('/').at(-1) ?? '';
    const sessions = await this.#lane.ask('GET', 'api/sessions');
    const list: unknown[] = Array.isArray(sessions) ? sessions : [];
    const own = list.find((entry) => textOf(Reflect.get(Object(entry), 'path')).endsWith(name));
    return textOf(Reflect.get(Object(Reflect.get(Object(own), 'kernel')), 'id'));
  }

  async #playStep({ step, fault }: ScenarioStep): Promise<void> {
    const work = this.#perform(step);
    if (fault !== undefined) {
      await Promise.race([sleep(fault.afterMs), work.then(() => sleep(fault.afterMs / 4))]);
      await this.#strike(fault);
    }
    await work;
  }

  async #perform(step: ScenarioStep['step']): Promise<void> {
    switch (step.kind) {
      case 'execute':
        return this.#execute(step.work, step.waitS, step.interruptAfterMs);
      case 'burst':
        await Promise.all(step.works.map((work) => this.#execute(work, 20)));
        return;
      case 'markdown':
        return this.#addMarkdown(step.text);
      case 'edit':
        return this.#editMarkdown(step.text, step.which);
    }
  }

  async #execute(work: CellWork, waitS: number, interruptAfterMs?: number): Promise<void> {
    const run: PlayedRun = { work, answers: [], interrupted: interruptAfterMs !== undefined };
    this.#history.runs.push(run);
    const code = codeOf(work, this.#lane.logFile);
    const args = { session_id: this.#sessionId, code, wait_s: waitS };
    const first = await this.#call('execute_code', args, waitS);
    run.answers.push(first);
    const runId = textOf(first.meta['run_id']);
    if (interruptAfterMs === undefined || runId === '') return;
    await sleep(interruptAfterMs);
    await this.#call('interrupt_kernel', { session_id: this.#sessionId, run_id: runId });
  }

  async #addMarkdown(text: string): Promise<void> {
    const added = await this.#call('add_markdown', {
      session_id: this.#sessionId,
      markdown: text,
    });
    if (added.ok) {
      this.#history.texts.push({ cellId: textOf(added.meta['cell_id']), texts: [text] });
    }
  }

  async #editMarkdown(text: string, which: number): Promise<void> {
    const { texts } = this.#history;
    const cell = texts[which % Math.max(1, texts.length)];
    if (cell === undefined) return this.#addMarkdown(text);
    const args = { session_id: this.#sessionId, cell: cell.cellId, source: text };
    const edited = await this.#call('edit_cell', args);
    cell.texts = edited.ok ? [text] : [...cell.texts, text];
  }

  async #strike(fault: Fault): Promise<void> {
    const { relay } = this.#lane;
    this.#history.faults.push(fault);
    switch (fault.kind) {
      case 'kill-program': {
        const old = await this.#program;
        this.#history.stderr += old?.stderr() ?? '';
        await old?.kill();
        this.#program = this.#lane.program();
        return;
      }
      case 'kill-kernel':
        return killKernel(effectsOf(this.#lane, this.#scenario.seed).at(-1)?.pid ?? 0);
      case 'cut':
        return relay.cut();
      case 'freeze':
        relay.freeze();
        await sleep(fault.lastsMs);
        return relay.thaw();
      case 'split':
        relay.split(7);
        await sleep(fault.lastsMs);
        return relay.split(undefined);
      case 'delay':
        relay.delay(40);
        await sleep(fault.lastsMs);
        return relay.delay(0);
      case 'refuse':
        relay.refuse();
        relay.cut();
        await sleep(fault.lastsMs);
        return relay.accept();
      case 'restart-elsewhere':
        await this.#lane.ask('POST', `api/kernels/${this.#kernelId}/restart`).catch(noKernel);
        return;
      case 'delete-elsewhere':
        await this.#lane.ask('DELETE', `api/kernels/${this.#kernelId}`).catch(noKernel);
        return;
      case 'kill-server':
        return signal(await this.#lane.serverPid(), 'SIGKILL');
    }
  }

  /** Every run that was acknowledged is followed to its end, and everything is saved. */
  async #settle(): Promise<void> {
    for (const { answers } of this.#history.runs) {
      const runId = textOf(answers[0]?.meta['run_id']);
      if (runId === '') continue;
      answers.push(
        await this.#call('get_run', { run_id: runId, wait_s: LAST_WAIT_S }, LAST_WAIT_S),
      );
    }
    await this.#addMarkdown(`text t${this.#scenario.seed}-end`);
  }

  /** Never rejects: an error is an answer, and a program that was killed gives none. */
  async #call(tool: string, args: Record<string, unknown>, waitS = 0): Promise<Call> {
    const program = await this.#program;
    const begunMs = performance.now();
    const limitMs = waitS * 1000 + GRACE_MS;
    const call = await ask(program?.client, tool, args, limitMs + 5000);
    const unanswered = call === undefined;
    const { ok = false, text = 'no answer', meta = {} } = call ?? {};
    const tookMs = performance.now() - begunMs;
    const played = { tool, ok, text, meta, tookMs, limitMs, unanswered };
    this.#history.calls.push(played);
    return played;
  }
}

async function ask(
  client: Client | undefined,
  name: string,
  args: Record<string, unknown>,
  timeout: number,
): Promise<Pick<Call, 'ok' | 'text' | 'meta'> | undefined> {
  try {
    const result = await client?.callTool({ name, arguments: args }, { timeout });
    if (result === undefined) return undefined;
    const text = result.content
      .flatMap((block) => (block.type === 'text' ? [block.text] : []))
      .join('\n');
    return { ok: result.isError !== true, text, meta: result._meta ?? {} };
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The kernel that another client wants to touch may be gone already. */
function noKernel(error: unknown): void {
  if (!/: (404|5\d\d) |fetch failed/.test(String(error))) throw error;
}
