/** Reads how policy is set from the environment. Loads nothing: hooks, the server and the command line all read it here. */
import { MICRO_PER_USD, parseUsd, type MicroUsd } from '#core/money.ts';
import { variable, type Environment } from './environment.ts';
import { pluginVariable } from './option.ts';
import { truthOfWord } from './truth-word.ts';

/** The names, of which the first that is set counts. Only the environment may set them: a file of the project is not the user. */
export const POLICY_VARIABLES = {
  autoApprove: { env: 'GLOVEBOX_YOLO', old: 'ML_INTERN_YOLO' },
  sessionCap: { env: 'GLOVEBOX_BUDGET_USD', old: undefined, plugin: 'budget_usd' },
  dayCap: { env: 'GLOVEBOX_BUDGET_DAY_USD', old: undefined, plugin: 'budget_day_usd' },
  confirmCpuJobs: { env: 'GLOVEBOX_CONFIRM_CPU_JOBS', old: 'ML_INTERN_CONFIRM_CPU_JOBS' },
  confirmSlurm: { env: 'GLOVEBOX_CONFIRM_SLURM', old: undefined },
} as const;

export interface PolicyFromEnvironment {
  readonly autoApprove: boolean;
  readonly sessionCap: MicroUsd | 'unlimited' | undefined;
  readonly dayCap: MicroUsd | 'unlimited' | undefined;
  readonly confirmCpuJobs: boolean;
  readonly confirmSlurm: boolean;
}

/** Caps while calls are approved without a person and nobody has named others. */
const DEFAULT_SESSION_CAP: MicroUsd = 5 * MICRO_PER_USD;
const DEFAULT_DAY_CAP: MicroUsd = 20 * MICRO_PER_USD;

/**
 * What makes no sense is taken for the safe value: nothing is approved without a person, questions are asked, and a budget is $0.
 * `doctor` and the command line say what was wrong.
 */
export function readPolicySettings(env: Environment): PolicyFromEnvironment {
  const text = (name: keyof typeof POLICY_VARIABLES): string | undefined => {
    const row = POLICY_VARIABLES[name];
    const names = [row.env, ...('plugin' in row ? [pluginVariable(row.plugin)] : []), row.old];
    return names.flatMap((each) => (each === undefined ? [] : (variable(env, each) ?? [])))[0];
  };
  const autoApprove = truthOf(text('autoApprove'), false) ?? false;
  const cap = (
    name: 'sessionCap' | 'dayCap',
    fallback: MicroUsd,
  ): MicroUsd | 'unlimited' | undefined => {
    const written = text(name);
    if (written === undefined) return autoApprove ? fallback : undefined;
    return capOf(written) ?? 0;
  };
  return {
    autoApprove,
    sessionCap: cap('sessionCap', DEFAULT_SESSION_CAP),
    dayCap: cap('dayCap', DEFAULT_DAY_CAP),
    confirmCpuJobs: truthOf(text('confirmCpuJobs'), true) ?? true,
    confirmSlurm: truthOf(text('confirmSlurm'), false) ?? true,
  };
}

/** `unlimited` has to be written out. Undefined for what is neither that nor an amount. */
export const capOf = (text: string): MicroUsd | 'unlimited' | undefined =>
  text.trim().toLowerCase() === 'unlimited' ? 'unlimited' : parseUsd(text);

/** @returns undefined when something else stands there */
const truthOf = (text: string | undefined, unset: boolean): boolean | undefined =>
  text === undefined ? unset : truthOfWord(text);
