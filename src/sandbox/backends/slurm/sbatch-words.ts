/** Makes the command line of `sbatch`: every value is a word of its own, and no shell reads any of them. */
import type { JobRequest } from './request.ts';

/** Before the time limit, in seconds, the script hears of it. */
const WARNING_S = 300;

/** `--name=value` in one word, so that no value can be taken for an option. */
const flag = (name: string, value: string | number | undefined): readonly string[] =>
  value === undefined ? [] : [`--${name}=${value}`];

/** The words that say what is asked for; the same for a test and for the submission. */
export function requestWords(request: JobRequest): readonly string[] {
  const { gres, nodes = 1, requeue = false } = request;
  return [
    ...(request.cluster === undefined ? [] : ['-M', request.cluster]),
    ...flag('partition', request.partition),
    `--nodes=${nodes}`,
    `--ntasks=${nodes}`,
    `--cpus-per-task=${request.cpus}`,
    `--mem=${request.mem}`,
    `--time=${request.time}`,
    ...(gres === undefined || gres === 'none' || gres === '' ? [] : [`--gres=${gres}`]),
    ...flag('account', request.account),
    ...flag('qos', request.qos),
    ...flag('constraint', request.constraint),
    ...flag('reservation', request.reservation),
    ...flag('nodelist', request.nodelist),
    ...flag('exclude', request.exclude),
    requeue ? '--requeue' : '--no-requeue',
    ...(request.extra_args ?? []),
  ];
}

export interface SubmissionWords {
  readonly name: string;
  readonly comment: string;
  /** Names only: their values are taken from the environment of `sbatch`. */
  readonly exportNames: readonly string[];
  readonly log: string;
  readonly workDir: string;
  readonly script: string;
  readonly scriptArguments: readonly string[];
}

export function submissionWords(
  request: JobRequest,
  { name, comment, exportNames, log, workDir, script, scriptArguments }: SubmissionWords,
): readonly string[] {
  return [
    'sbatch',
    '--parsable',
    ...requestWords(request),
    `--job-name=${name}`,
    `--comment=${comment}`,
    '--open-mode=append',
    `--signal=B:USR1@${WARNING_S}`,
    // The environment of the submitter, with the agent's keys in it, stays out.
    `--export=${['NIL', ...exportNames].join(',')}`,
    `--output=${log}`,
    `--chdir=${workDir}`,
    script,
    ...scriptArguments,
  ];
}

/** A file name for `--output`, where `%` begins a pattern. */
export const withoutPatterns = (file: string): string => file.replaceAll('%', '%%');
