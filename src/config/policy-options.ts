/** The options of policy: what may be spent, and what is asked about. Read with `readPolicySettings`, which hooks can afford. */
import { onOff, type Kind } from './kinds.ts';
import { option } from './option.ts';
import { capOf, POLICY_VARIABLES } from './policy-settings.ts';
import * as z from 'zod';

/** As it was written; what it means is for `readPolicySettings`. */
const cap = (): Kind<string> => ({
  accepts: 'an amount of US dollars such as 5 or 2.50, or unlimited',
  schema: () => z.string().refine((value) => capOf(value) !== undefined),
  fromText: (text) => text,
});

export const POLICY_OPTIONS = {
  'policy.yolo': option({
    kind: onOff(),
    default: false,
    env: POLICY_VARIABLES.autoApprove.env,
    oldNames: [{ env: POLICY_VARIABLES.autoApprove.old }],
    from: 'outside',
    about:
      'Let paid calls, and changes of your own repositories, run without a question as long as the budget carries them. Anything but a clear yes is a no.',
  }),
  'policy.budget_usd': option({
    kind: cap(),
    default: undefined,
    defaultText: 'no cap; 5 with GLOVEBOX_YOLO',
    env: POLICY_VARIABLES.sessionCap.env,
    pluginOption: POLICY_VARIABLES.sessionCap.plugin,
    from: 'outside',
    about: 'The most that one session may spend, in US dollars, or unlimited. It binds people too.',
  }),
  'policy.budget_day_usd': option({
    kind: cap(),
    default: undefined,
    defaultText: 'no cap; 20 with GLOVEBOX_YOLO',
    env: POLICY_VARIABLES.dayCap.env,
    pluginOption: POLICY_VARIABLES.dayCap.plugin,
    from: 'outside',
    about: 'The most that all sessions of a UTC day may spend, in US dollars, or unlimited.',
  }),
  'policy.confirm_cpu_jobs': option({
    kind: onOff(),
    default: true,
    env: POLICY_VARIABLES.confirmCpuJobs.env,
    oldNames: [{ env: POLICY_VARIABLES.confirmCpuJobs.old }],
    from: 'outside',
    about: 'Ask before jobs on cpu-basic and cpu-upgrade too.',
  }),
  'policy.confirm_slurm': option({
    kind: onOff(),
    default: false,
    env: POLICY_VARIABLES.confirmSlurm.env,
    from: 'outside',
    about: 'Ask before an allocation of a SLURM cluster.',
  }),
};
