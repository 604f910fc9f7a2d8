/** Holds what was answered against what really happened: the effect log, the notebook and the processes. */
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import type { CellView } from '#notebook/contract.ts';
import { isAlive } from '../rigs/processes.ts';
import type { Call } from './agent.ts';
import type { Effect } from './effects.ts';
import type { History, PlayedRun } from './play.ts';

const FINAL = [
  'ok',
  'error',
  'aborted',
  'cancelled',
  'interrupted',
  'not_started',
  'lost',
  'output_unknown',
];
/** Nothing of it was executed, so the answers say. */
const NEVER_RAN = ['aborted', 'cancelled', 'not_started'];
const TOLD_GAP = /may be missing|is missing|output was lost|dropped_by_server/;

/** One sentence for each broken promise. */
export async function brokenPromises(history: History): Promise<readonly string[]> {
  const cells = await readNotebookFile(history.notebook);
  return [
    ...atMostOnce(history.effects),
    ...toldOfLoss(history),
    ...history.runs.flatMap((run) => checkRun(run, history, cells)),
    ...history.texts.flatMap(({ cellId, texts }) => {
      const source = cells.find(({ id }) => id === cellId)?.source;
      return source !== undefined && texts.includes(source)
        ? []
        : [`kept: cell ${cellId} has ${JSON.stringify(source)} and not ${texts.join(' or ')}`];
    }),
    ...history.calls.flatMap(checkCall),
    ...history.atEnd
      .filter(({ meta, text }) => {
        const isComplete = text.includes('alive') || TOLD_GAP.test(text);
        return meta['state'] !== 'ok' || !isComplete;
      })
      .map(
        ({ by, text }) => `the truth: agent ${by} cannot go on at the end: ${text.slice(0, 500)}`,
      ),
    ...repeated(cells.map(({ id }) => id)).map((id) => `kept: two cells have the id ${id}`),
  ];
}

function atMostOnce(effects: readonly Effect[]): readonly string[] {
  const begun = effects.filter(({ what }) => what === 'begin').map(({ tag }) => tag);
  return repeated(begun).map((tag) => `at most once: ${tag} ran twice`);
}

/** Whoever has a new kernel process has to hear that the variables are gone. */
function toldOfLoss(history: History): readonly string[] {
  const { effects, calls, runs, killed } = history;
  // The program of one that was killed knows only what the others left to it.
  const alone = ([0, 1] as const).filter((name) => !killed.includes(name));
  return [undefined, ...alone].flatMap((name) => {
    const isOf = ({ by }: { readonly by: number }): boolean => name === undefined || by === name;
    const tags = new Set(runs.filter(isOf).map(({ work }) => work.tag));
    const pids = new Set(effects.filter(({ tag }) => tags.has(tag)).map(({ pid }) => pid));
    const own = calls.filter(isOf);
    const isTold = own.some(({ text }) =>
      /new, empty one|kernel_restarted|a new one was started|variables are lost/i.test(text),
    );
    // An answer that nobody received may have been the one that told it.
    const isUnheard = own.some(({ unanswered }) => unanswered);
    if (pids.size < 2 || isTold || isUnheard) return [];
    const whom = name === undefined ? 'nobody was' : `agent ${name} was not`;
    return [`the truth: the kernel process changed (${[...pids].join(', ')}) and ${whom} told`];
  });
}

function checkCall({ tool, text, tookMs, limitMs, unanswered }: Call): readonly string[] {
  const broken: string[] = [];
  if (tookMs > limitMs) broken.push(`no endless call: ${tool} took ${Math.round(tookMs)} ms`);
  if (unanswered) return broken;
  if (/\b(run|execute|call|send) (it|the cell|the code) again\b/i.test(text) && !isSafe(text)) {
    broken.push(`at most once: ${tool} advises to run again: ${text.slice(0, 300)}`);
  }
  if (/^\[internal\]/m.test(text)) broken.push(`the truth: ${tool} answered ${text.slice(0, 300)}`);
  return broken;
}

const isSafe = (text: string): boolean => /nothing was executed|do not send it again/i.test(text);

function checkRun(run: PlayedRun, history: History, cells: readonly CellView[]): readonly string[] {
  const { work, answers } = run;
  const { tag } = work;
  const broken: string[] = [];
  const own = history.effects.filter((effect) => effect.tag === tag);
  const begun = own.find(({ what }) => what === 'begin');
  const hasEnded = own.some(({ what }) => what === 'end');
  const holders = cells.filter(({ source }) => source.includes(`"${tag} begin `));
  if (holders.length > 1) broken.push(`kept: ${tag} has ${holders.length} cells`);
  const [cell] = holders;
  const printed = cell === undefined ? [] : linesOf(cell, tag);
  if (printed.some((line, index) => index > 0 && line <= (printed[index - 1] ?? -1))) {
    broken.push(`kept: lines of ${tag} are doubled or out of order: ${printed.join()}`);
  }
  const [first] = answers;
  const last = answers.at(-1);
  if (first === undefined || first.meta['run_id'] === undefined || last === undefined) {
    // Refused with an error: nothing may have happened. Not answered: anything may, but not twice.
    if (first !== undefined && !first.unanswered && begun !== undefined) {
      broken.push(`the truth: ${tag} was refused (${first.text.slice(0, 200)}) and ran`);
    }
    return broken;
  }
  const state = String(last.meta['state']);
  const text = answers.map((answer) => answer.text).join('\n');
  if (cell === undefined) {
    return [...broken, `kept: the cell of ${tag} is not in the notebook (${state})`];
  }
  if (!last.ok || !FINAL.includes(state)) {
    return [
      ...broken,
      `no endless call: ${tag} is ${state} at the end: ${last.text.slice(0, 300)}`,
    ];
  }
  for (const answer of answers) {
    for (const line of numbersIn(answer.text, tag)) {
      if (!printed.includes(line))
        broken.push(`kept: line ${line} of ${tag} was answered and is not in the notebook`);
    }
  }
  if (NEVER_RAN.includes(state) && begun !== undefined) {
    broken.push(`the truth: ${tag} is ${state} and ran`);
  }
  // An interrupt of which a later process does not know, or which is another client's, is an error of the code.
  const isTouched =
    run.interrupted || history.faults.some(({ fault }) => fault.kind.endsWith('-elsewhere'));
  const wasStopped = state === 'error' && isTouched && text.includes('KeyboardInterrupt');
  if (state === 'ok' || state === 'error') {
    // An interrupt may come before the first line.
    if (begun === undefined && !wasStopped)
      broken.push(`the truth: ${tag} is ${state} and never ran: ${last.text.slice(0, 300)}`);
    if ((state === 'ok') !== !work.raises && !wasStopped) {
      broken.push(`the truth: ${tag} is ${state}: ${last.text.slice(0, 300)}`);
    }
    if (!hasEnded && !wasStopped)
      broken.push(`the truth: ${tag} is ${state} and did not reach its end`);
    if (printed.length !== work.lines && !wasStopped && !TOLD_GAP.test(text)) {
      broken.push(
        `kept: ${tag} is ${state} with ${printed.length} of ${work.lines} lines and no word about it`,
      );
    }
  }
  if (state === 'interrupted' && !run.interrupted) broken.push(`the truth: ${tag} is interrupted`);
  if (state === 'lost' && begun !== undefined && isAlive(begun.pid) && !hasShutDown(text)) {
    broken.push(
      `the truth: ${tag} is lost and its kernel ${begun.pid} lives: ${last.text.slice(0, 300)}`,
    );
  }
  if (state === 'output_unknown' && history.faults.length === 0) {
    broken.push(`the truth: ${tag} is output_unknown without any fault`);
  }
  return broken;
}

const hasShutDown = (text: string): boolean => text.includes('was shut down');

function linesOf(cell: CellView, tag: string): readonly number[] {
  const text = cell.outputs
    .map((output) => (output.output_type === 'stream' ? output.text : ''))
    .join('');
  return numbersIn(text, tag);
}

function numbersIn(text: string, tag: string): readonly number[] {
  return [...text.matchAll(new RegExp(`^${tag}: (\\d+)$`, 'gm'))].map(([, line]) => Number(line));
}

const repeated = (names: readonly string[]): readonly string[] =>
  [...new Set(names)].filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
