/** Makes a script of steps and faults from a seed: the same script for the same seed, so that a failing one can be played again. */
import { LIES, type Lie } from './impostor.ts';
import type { Moment, Side } from './moments.ts';
import { seededRandom, type Random } from './random.ts';

/** What lasts is over after so many of the named events, or when its step is over for good. */
export type Fault = { readonly when: Moment } & (
  | {
      readonly kind:
        | 'kill-program'
        | 'kill-kernel'
        | 'out-of-memory'
        | 'cut'
        | 'restart-elsewhere'
        | 'delete-elsewhere'
        | 'kill-server';
    }
  | { readonly kind: 'jump'; readonly byHours: number }
  /** Pieces of data kept back; connections refused; messages let through in pieces or late. */
  | { readonly kind: 'freeze' | 'refuse' | 'split' | 'delay'; readonly events: number }
  | { readonly kind: 'impostor'; readonly lie: Lie; readonly events: number }
  | { readonly kind: 'stop-server' | 'stop-program' }
);

/** A cell that writes to the effect log when it begins and when it ends, and prints numbered lines between. */
export interface CellWork {
  readonly tag: string;
  readonly lines: number;
  readonly pauseMs: number;
  readonly raises: boolean;
  /** Takes memory after its lines, until somebody stops it. */
  readonly isHungry?: boolean;
}

/** Which of the agents, each with a program of its own. */
export type AgentName = 0 | 1;

export type Step = { readonly by: AgentName } & (
  | {
      readonly kind: 'execute';
      readonly work: CellWork;
      readonly waitS: number;
      /** Interrupted when this has happened, or when the call was answered. */
      readonly interruptAt?: Moment;
    }
  /** Several cells at once: all but the first wait in the queue. */
  | { readonly kind: 'burst'; readonly works: readonly CellWork[] }
  /** Both agents at once: each runs a cell, and each adds a text. */
  | { readonly kind: 'together'; readonly works: readonly [CellWork, CellWork] }
  | { readonly kind: 'markdown'; readonly text: string }
  /** Gives a markdown cell that was acknowledged another text. */
  | { readonly kind: 'edit'; readonly text: string; readonly which: number }
  | { readonly kind: 'attach' }
);

export interface ScenarioStep {
  readonly step: Step;
  readonly faults: readonly Fault[];
}

export interface Scenario {
  readonly seed: number;
  readonly agents: 1 | 2;
  readonly steps: readonly ScenarioStep[];
}

/** Every so many seeds have what costs much: a new Jupyter server, a deletion that is noticed late, a machine's memory. */
const SERVER_EVERY = 25;
const DELETE_EVERY = 25;
const MEMORY_EVERY = 25;

export function makeScenario(seed: number): Scenario {
  const random = seededRandom(seed);
  const agents = random.next() < 0.3 ? 2 : 1;
  const count = random.between(2, 4);
  const steps = Array.from({ length: count }, (_, index): ScenarioStep => {
    const step = makeStep(random, `t${seed}-${index}`, agents);
    const number = random.pick([
      [3, 0],
      [5, 1],
      [2, 2],
    ]);
    return { step, faults: Array.from({ length: number }, () => makeFault(random, step)) };
  });
  if (steps.every(({ faults }) => faults.length === 0)) {
    steps.push(special(random, seed, 'last', undefined));
  }
  if (seed % DELETE_EVERY === 7) steps.push(special(random, seed, 'deleted', 'delete-elsewhere'));
  if (seed % MEMORY_EVERY === 11) steps.push(special(random, seed, 'hungry', 'out-of-memory'));
  if (seed % SERVER_EVERY === 3) steps.push(special(random, seed, 'server', 'kill-server'));
  return { seed, agents, steps };
}

/** A cell with much to say, and one fault in it. */
function special(
  random: Random,
  seed: number,
  name: string,
  kind: 'delete-elsewhere' | 'out-of-memory' | 'kill-server' | undefined,
): ScenarioStep {
  const isHungry = kind === 'out-of-memory';
  const work = { tag: `t${seed}-${name}`, lines: 30, pauseMs: 3, raises: false, isHungry };
  const step: Step = { by: 0, kind: 'execute', work, waitS: 0.1 };
  const fault = makeFault(random, step);
  const when = isHungry ? ({ at: 'begin', nth: 1 } as const) : fault.when;
  return { step, faults: [kind === undefined ? fault : { when, kind }] };
}

function makeWork(random: Random, tag: string): CellWork {
  const [lines, pauseMs] = random.pick([
    [3, [random.between(0, 3), 0]],
    [3, [random.between(5, 20), random.between(1, 8)]],
    [1, [random.between(50, 200), 0]],
    [1, [2, random.between(50, 150)]],
  ] as const);
  return { tag, lines, pauseMs, raises: random.next() < 0.15 };
}

function makeStep(random: Random, tag: string, agents: 1 | 2): Step {
  const by = agents === 2 && random.next() < 0.5 ? 1 : 0;
  const kind = random.pick([
    [6, 'execute'],
    [2, 'interrupted'],
    [2, 'burst'],
    [agents === 2 ? 5 : 0, 'together'],
    [2, 'markdown'],
    [2, 'edit'],
    [1, 'attach'],
  ] as const);
  switch (kind) {
    case 'execute': {
      const waitS = random.pick([
        [3, 20],
        [2, 0.1],
        [1, 0],
      ]);
      return { by, kind, work: makeWork(random, tag), waitS };
    }
    case 'interrupted': {
      const work = { tag, lines: 100, pauseMs: 20, raises: false };
      const interruptAt = random.pick<Moment>([
        [1, { at: 'answer' }],
        [1, { at: 'begin', nth: 1 }],
        [2, { at: 'text', nth: random.between(1, 10), side: 'after' }],
      ]);
      return { by, kind: 'execute', work, waitS: 0.05, interruptAt };
    }
    case 'burst': {
      const length = random.between(2, 4);
      const works = Array.from({ length }, (_, index) =>
        makeWork(random, `${tag}${'abcd'.charAt(index)}`),
      );
      return { by, kind, works };
    }
    case 'together':
      return { by, kind, works: [makeWork(random, `${tag}x`), makeWork(random, `${tag}y`)] };
    case 'markdown':
      return { by, kind, text: `text ${tag}` };
    case 'edit':
      return { by, kind, text: `edited ${tag}`, which: random.between(0, 3) };
    case 'attach':
  }
  return { by, kind: 'attach' };
}

function makeFault(random: Random, step: Step): Fault {
  const when = makeMoment(random, step);
  const events = random.between(1, 4);
  return random.pick<Fault>([
    [8, { kind: 'kill-program', when }],
    [3, { kind: 'kill-kernel', when }],
    [5, { kind: 'cut', when }],
    [2, { kind: 'freeze', when, events: events * 2 }],
    [1, { kind: 'split', when, events: events * 4 }],
    [1, { kind: 'delay', when, events: events * 4 }],
    [2, { kind: 'refuse', when, events: Math.ceil(events / 2) }],
    [1, { kind: 'impostor', when, events: Math.ceil(events / 2), lie: random.pick(EVERY_LIE) }],
    [1, { kind: 'stop-server', when }],
    [1, { kind: 'stop-program', when }],
    [1, { kind: 'jump', when, byHours: random.pick(JUMPS) }],
    [2, { kind: 'restart-elsewhere', when }],
  ]);
}

const EVERY_LIE = LIES.map((lie) => [1, lie] as const);
const JUMPS = [
  [1, 24],
  [1, -24],
  [1, 1],
  [1, -1],
] as const;

function makeMoment(random: Random, step: Step): Moment {
  const works = 'works' in step ? step.works : 'work' in step ? [step.work] : [];
  if (works.length === 0) return { at: random.next() < 0.5 ? 'call' : 'answer' };
  const side = random.pick<Side>([
    [2, 'before'],
    [1, 'inside'],
    [2, 'after'],
  ]);
  const nth = random.between(1, works.length);
  const lines = works.reduce((sum, work) => sum + work.lines, 0);
  return random.pick<Moment>([
    [1, { at: 'call' }],
    [1, { at: 'answer' }],
    [3, { at: 'request', nth, side }],
    [lines === 0 ? 0 : 4, { at: 'text', nth: random.between(1, Math.min(lines, 60)), side }],
    [3, { at: 'reply', nth, side }],
    [2, { at: 'begin', nth }],
    [1, { at: 'end', nth }],
  ]);
}

export function codeOf(work: CellWork, logFile: string): string {
  const note = (what: string): string =>
    `with open(${JSON.stringify(logFile)}, "a") as _log: _log.write("${work.tag} ${what} %d\\n" % os.getpid())`;
  return [
    'import os, time',
    note('begin'),
    `for _line in range(${work.lines}):`,
    `    print("${work.tag}:", _line, flush=True)`,
    `    time.sleep(${work.pauseMs / 1000})`,
    ...(work.isHungry === true
      ? [
          '_taken = []',
          'while len(_taken) < 2000: _taken.append(b"x" * 1_000_000); time.sleep(0.001)',
        ]
      : []),
    note('end'),
    ...(work.raises ? [`raise ValueError("${work.tag} raised")`] : []),
  ].join('\n');
}
