/** Plays a script against a lane and writes down everything that was answered. */
import path from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { createDeferred } from '#jupyter/deferred.ts';
import { Agent, type Call } from './agent.ts';
import type { Effect } from './effects.ts';
import { EffectLog } from './effects.ts';
import type { Impostor } from './impostor.ts';
import type { Lane } from './lane.ts';
import type { Moment, Moments } from './moments.ts';
import {
  codeOf,
  type AgentName,
  type CellWork,
  type Fault,
  type Scenario,
  type ScenarioStep,
  type Step,
} from './scenario.ts';
import { strike, type NetworkEvents } from './strike.ts';

const LAST_WAIT_S = 60;
const WAIT_S = 20;
const MOMENT_MS = 1000;
/** In the last of them the kernel was gone before it came there. */
const NOT_RUN: ReadonlySet<string> = new Set(['not_started', 'cancelled', 'lost']);

export interface PlayedRun {
  readonly by: AgentName;
  readonly work: CellWork;
  readonly answers: Call[];
  readonly interrupted: boolean;
}

export interface PlayedText {
  readonly cellId: string;
  /** The texts that it may have now: the last acknowledged one, and those of later calls that were not answered. */
  texts: string[];
}

export interface PlayedFault {
  readonly fault: Fault;
  /** It struck when its moment came; false when that never came, and it struck after the step. */
  readonly onTime: boolean;
}

export interface History {
  readonly seed: number;
  readonly calls: Call[];
  readonly runs: PlayedRun[];
  readonly texts: PlayedText[];
  readonly faults: PlayedFault[];
  /** A last cell of each agent, when no fault was on any more. */
  readonly atEnd: Call[];
  /** Agents whose program was killed. */
  killed: readonly AgentName[];
  /** The notebook at the end. */
  notebook: string;
  effects: readonly Effect[];
  stderr: string;
}

/** A lane with what is needed to do something to it. */
export interface Stage {
  readonly lane: Lane;
  readonly impostor: Impostor;
  readonly moments: Moments;
  readonly events: NetworkEvents;
}

export async function play(stage: Stage, scenario: Scenario): Promise<History> {
  const player = new Player(stage, scenario);
  return player.play();
}

class Player {
  readonly #stage: Stage;
  readonly #scenario: Scenario;
  readonly #history: History;
  readonly #log: EffectLog;
  readonly #agents: readonly Agent[];
  #sessionId = '';
  #kernelId = '';

  constructor(stage: Stage, scenario: Scenario) {
    const { lane, moments } = stage;
    this.#stage = stage;
    this.#scenario = scenario;
    this.#history = {
      seed: scenario.seed,
      calls: [],
      runs: [],
      texts: [],
      faults: [],
      atEnd: [],
      killed: [],
      notebook: '',
      effects: [],
      stderr: '',
    };
    const file = path.join(lane.world.projectDir, 'effects.log');
    this.#log = new EffectLog(file, ({ what }) => moments.reach(what));
    const jumps = scenario.steps.some(({ faults }) => faults.some(({ kind }) => kind === 'jump'));
    const env = jumps ? lane.jumpingClock() : {};
    const names: readonly AgentName[] = scenario.agents === 2 ? [0, 1] : [0];
    this.#agents = names.map(
      (name) => new Agent(name, lane, env, (call) => this.#history.calls.push(call)),
    );
  }

  async play(): Promise<History> {
    const history = this.#history;
    try {
      await this.#begin();
      for (const step of this.#scenario.steps) await this.#playStep(step);
      await this.#settle();
    } finally {
      history.killed = this.#agents.filter(({ wasKilled }) => wasKilled).map(({ name }) => name);
      await this.#agent(0).call('shutdown_session', { session_id: this.#sessionId });
      await Promise.all(this.#agents.map((agent) => agent.close()));
      history.stderr = this.#agents.map(({ stderr }) => stderr).join('');
      history.effects = [...this.#log.effects];
      this.#log.close();
    }
    return history;
  }

  #agent(name: AgentName): Agent {
    const agent = this.#agents[name] ?? this.#agents[0];
    if (agent === undefined) throw new Error('nobody plays');
    return agent;
  }

  async #begin(): Promise<void> {
    const name = `seed ${this.#scenario.seed}`;
    const started = await this.#agent(0).call('start_new_notebook', { experiment_name: name });
    this.#sessionId = textOf(started.meta['session_id']);
    this.#history.notebook = textOf(started.meta['notebook_path']);
    if (!started.ok) throw new Error(`seed ${this.#scenario.seed}: ${started.text}`);
    this.#kernelId = await this.#findKernel();
    // Its effect tells the process number of the kernel.
    const work = { tag: `t${this.#scenario.seed}-first`, lines: 1, pauseMs: 0, raises: false };
    await this.#execute(0, work, WAIT_S);
  }

  /** The kernel of this session's notebook, as the server tells it. */
  async #findKernel(): Promise<string> {
    const name = path.basename(this.#history.notebook);
    const sessions = await this.#stage.lane.ask('GET', 'api/sessions');
    const list: unknown[] = Array.isArray(sessions) ? sessions : [];
    const own = list.find((entry) => textOf(Reflect.get(Object(entry), 'path')).endsWith(name));
    return textOf(Reflect.get(Object(Reflect.get(Object(own), 'kernel')), 'id'));
  }

  /** Every fault strikes in its moment, or when the step is over; the step is over when the faults are too. */
  async #playStep({ step, faults }: ScenarioStep): Promise<void> {
    const { moments } = this.#stage;
    moments.reset();
    const over = createDeferred<undefined>();
    const struck: Promise<void>[] = [];
    const hit = (fault: Fault, onTime: boolean): void => {
      this.#history.faults.push({ fault, onTime });
      struck.push(this.#strike(fault, step, over.promise));
    };
    const waiting = new Map(
      faults.map((fault) => [
        fault,
        moments.arm(fault.when, () => {
          waiting.delete(fault);
          hit(fault, true);
        }),
      ]),
    );
    const work = this.#perform(step);
    // The call is on its way to the program then.
    await nextTurn();
    moments.reach('call');
    await work;
    moments.reach('answer');
    over.resolve(undefined);
    for (const [fault, disarm] of waiting) {
      disarm();
      hit(fault, false);
    }
    await Promise.all(struck);
  }

  #strike(fault: Fault, step: Step, isOver: Promise<unknown>): Promise<void> {
    const { lane, impostor, events } = this.#stage;
    return strike(fault, {
      lane,
      impostor,
      events,
      isOver,
      agent: this.#agent(step.by),
      programs: this.#agents.map(({ pid }) => pid),
      kernelId: this.#kernelId,
      kernelPid: this.#log.effects.at(-1)?.pid ?? 0,
    });
  }

  async #perform(step: Step): Promise<void> {
    const { by } = step;
    switch (step.kind) {
      case 'execute':
        return this.#execute(by, step.work, step.waitS, step.interruptAt);
      case 'burst':
        await Promise.all(step.works.map((work) => this.#execute(by, work, WAIT_S)));
        return;
      case 'together': {
        const [first, second] = step.works;
        await Promise.all([
          this.#execute(0, first, WAIT_S),
          this.#addMarkdown(0, `text ${first.tag}`),
          this.#execute(1, second, WAIT_S),
          this.#addMarkdown(1, `text ${second.tag}`),
        ]);
        return;
      }
      case 'markdown':
        return this.#addMarkdown(by, step.text);
      case 'edit':
        return this.#editMarkdown(by, step.text, step.which);
      case 'attach':
        await this.#agent(by).call('attach_to_session', { session_id: this.#sessionId });
        return;
    }
  }

  async #execute(
    by: AgentName,
    work: CellWork,
    waitS: number,
    interruptAt?: Moment,
  ): Promise<void> {
    const run: PlayedRun = { by, work, answers: [], interrupted: interruptAt !== undefined };
    this.#history.runs.push(run);
    const reached = interruptAt === undefined ? undefined : this.#reached(interruptAt);
    const args = {
      session_id: this.#sessionId,
      code: codeOf(work, this.#log.file),
      wait_s: waitS,
    };
    const first = await this.#agent(by).call('execute_code', args, waitS);
    run.answers.push(first);
    const runId = textOf(first.meta['run_id']);
    if (reached === undefined || runId === '') return;
    await reached;
    await this.#agent(by).call('interrupt_kernel', {
      session_id: this.#sessionId,
      run_id: runId,
    });
  }

  /** Resolves in that moment; it may never come, when a fault has ended the cell. */
  #reached(moment: Moment): Promise<void> {
    if (moment.at === 'answer') return Promise.resolve();
    const reached = createDeferred<undefined>();
    const disarm = this.#stage.moments.arm(moment, () => reached.resolve(undefined));
    return Promise.race([reached.promise, sleep(MOMENT_MS)]).finally(disarm);
  }

  async #addMarkdown(by: AgentName, text: string): Promise<void> {
    const args = { session_id: this.#sessionId, markdown: text };
    const added = await this.#agent(by).call('add_markdown', args);
    if (added.ok) {
      this.#history.texts.push({ cellId: textOf(added.meta['cell_id']), texts: [text] });
    }
  }

  async #editMarkdown(by: AgentName, text: string, which: number): Promise<void> {
    const { texts } = this.#history;
    const cell = texts[which % Math.max(1, texts.length)];
    if (cell === undefined) return this.#addMarkdown(by, text);
    const args = { session_id: this.#sessionId, cell: cell.cellId, source: text };
    const edited = await this.#agent(by).call('edit_cell', args);
    cell.texts = edited.ok ? [text] : [...cell.texts, text];
  }

  /** Every run that was acknowledged is followed to its end, and everything is saved. */
  async #settle(): Promise<void> {
    for (const { by, answers } of this.#history.runs) {
      const runId = textOf(answers[0]?.meta['run_id']);
      if (runId === '') continue;
      const args = { run_id: runId, wait_s: LAST_WAIT_S };
      answers.push(await this.#agent(by).call('get_run', args, LAST_WAIT_S));
    }
    for (const { name } of this.#agents) {
      await this.#addMarkdown(name, `text t${this.#scenario.seed}-end${name}`);
      this.#history.atEnd.push(await this.#tryLast(name));
    }
  }

  /** Code after all faults: tried again when the answer says that no kernel ran it, with a new one where it asks for that. */
  async #tryLast(by: AgentName): Promise<Call> {
    const agent = this.#agent(by);
    const args = { session_id: this.#sessionId, code: '"alive"', wait_s: WAIT_S };
    let last = await agent.call('execute_code', args, WAIT_S);
    for (let tries = 1; tries < 3; tries += 1) {
      const { state } = last.meta;
      if (typeof state !== 'string' || !NOT_RUN.has(state)) break;
      if (state !== 'cancelled' && last.text.includes('restart_kernel')) {
        await agent.call('restart_kernel', { session_id: this.#sessionId });
      }
      last = await agent.call('execute_code', args, WAIT_S);
    }
    return last;
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
