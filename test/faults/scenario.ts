/** Makes a script of steps and faults from a seed: the same script for the same seed, so that a failing one can be played again. */
import { seededRandom, type Random } from './random.ts';

export const FAULTS = [
  'kill-program',
  'kill-kernel',
  'cut',
  'freeze',
  'split',
  'delay',
  'refuse',
  'restart-elsewhere',
  'delete-elsewhere',
  'kill-server',
] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** After the step was begun. */
  readonly afterMs: number;
  /** How long a state of the network lasts. */
  readonly lastsMs: number;
}

/** A cell that writes to the effect log when it begins and when it ends, and prints numbered lines between. */
export interface CellWork {
  readonly tag: string;
  readonly lines: number;
  readonly pauseMs: number;
  readonly raises: boolean;
}

export type Step =
  | {
      readonly kind: 'execute';
      readonly work: CellWork;
      readonly waitS: number;
      /** Interrupted so long after it was sent. */
      readonly interruptAfterMs?: number;
    }
  /** Several cells at once: all but the first wait in the queue. */
  | { readonly kind: 'burst'; readonly works: readonly CellWork[] }
  | { readonly kind: 'markdown'; readonly text: string }
  /** Gives a markdown cell that was acknowledged another text. */
  | { readonly kind: 'edit'; readonly text: string; readonly which: number };

export interface ScenarioStep {
  readonly step: Step;
  readonly fault?: Fault;
}

export interface Scenario {
  readonly seed: number;
  readonly steps: readonly ScenarioStep[];
}

/** Every so many seeds the Jupyter server itself is killed, which costs a new one. */
const SERVER_EVERY = 20;
/** A kernel that somebody deletes while nothing is said is noticed after 15 s. */
const DELETE_EVERY = 15;

export function makeScenario(seed: number): Scenario {
  const random = seededRandom(seed);
  const count = random.between(4, 7);
  const steps = Array.from({ length: count }, (_, index): ScenarioStep => {
    const step = makeStep(random, `t${seed}-${index}`);
    const fault = random.next() < 0.45 ? makeFault(random) : undefined;
    return { step, ...(fault !== undefined && { fault }) };
  });
  if (!steps.some(({ fault }) => fault !== undefined)) steps.push(chatty(random, seed, 'last'));
  if (seed % DELETE_EVERY === 7) steps.push(chatty(random, seed, 'deleted', 'delete-elsewhere'));
  if (seed % SERVER_EVERY === 3) steps.push(chatty(random, seed, 'server', 'kill-server'));
  return { seed, steps };
}

function chatty(random: Random, seed: number, name: string, kind?: FaultKind): ScenarioStep {
  const work = { ...makeWork(random, `t${seed}-${name}`), lines: 40, pauseMs: 10 };
  const fault = makeFault(random);
  return {
    step: { kind: 'execute', work, waitS: 0.2 },
    fault: kind === undefined ? fault : { ...fault, kind },
  };
}

function makeWork(random: Random, tag: string): CellWork {
  const [lines, pauseMs] = random.pick([
    [3, [random.between(0, 3), 0]],
    [3, [random.between(10, 40), random.between(1, 15)]],
    [1, [random.between(200, 1500), 0]],
    [1, [2, random.between(100, 300)]],
  ] as const);
  return { tag, lines, pauseMs, raises: random.next() < 0.15 };
}

function makeStep(random: Random, tag: string): Step {
  const kind = random.pick([
    [6, 'execute'],
    [2, 'interrupted'],
    [2, 'burst'],
    [2, 'markdown'],
    [2, 'edit'],
  ] as const);
  switch (kind) {
    case 'execute':
      return {
        kind,
        work: makeWork(random, tag),
        waitS: random.pick([
          [3, 20],
          [2, 0.1],
          [1, 0],
        ]),
      };
    case 'interrupted': {
      const work = { tag, lines: 100, pauseMs: 20, raises: false };
      return { kind: 'execute', work, waitS: 0.1, interruptAfterMs: random.between(0, 400) };
    }
    case 'burst':
      return {
        kind,
        works: Array.from({ length: random.between(2, 4) }, (_, index) =>
          makeWork(random, `${tag}${'abcd'.charAt(index)}`),
        ),
      };
    case 'markdown':
      return { kind, text: `text ${tag}` };
    case 'edit':
  }
  return { kind: 'edit', text: `edited ${tag}`, which: random.between(0, 3) };
}

function makeFault(random: Random): Fault {
  const kind = random.pick([
    [8, 'kill-program'],
    [3, 'kill-kernel'],
    [4, 'cut'],
    [2, 'freeze'],
    [1, 'split'],
    [1, 'delay'],
    [2, 'refuse'],
    [2, 'restart-elsewhere'],
  ] as const);
  return { kind, afterMs: random.between(0, 350), lastsMs: random.between(50, 600) };
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
    note('end'),
    ...(work.raises ? [`raise ValueError("${work.tag} raised")`] : []),
  ].join('\n');
}
