/** The life of a SLURM sandbox as one table: from which phase, on which evidence, to which phase, and what is done then. */

export const PHASES = [
  'submitting',
  'pending',
  'configuring',
  'starting',
  'ready',
  'expiring',
  'unreachable',
  'suspended',
  'requeued',
  'stopping',
  'ended',
] as const;
export type Phase = (typeof PHASES)[number];

/**
 * - `accepted`, `rejected`, `never-submitted`: what became of the submission.
 * - `waiting`, `configuring`, `running`, `restarted` (it runs, but not the start we knew), `suspended`, `completing`, `finished`: what
 *   the scheduler says. `vanished`: it does not know the job any more, asked twice. `silent`: it does not answer. `unheard`: a word of
 *   a newer release.
 * - `healthy`: the server answered with our token. `no-answer`: three failures over a minute. `overdue`: it has not answered within
 *   its time to start.
 * - `near-end`: the time limit is near. `stop`: the user's word.
 */
export const EVENTS = [
  'accepted',
  'rejected',
  'never-submitted',
  'waiting',
  'configuring',
  'running',
  'restarted',
  'suspended',
  'completing',
  'finished',
  'vanished',
  'silent',
  'unheard',
  'healthy',
  'no-answer',
  'overdue',
  'near-end',
  'stop',
] as const;
export type LifeEvent = (typeof EVENTS)[number];

/**
 * - `count-generation`: everything in the kernels is lost; what is known of the server is forgotten.
 * - `find-cause`: say why it ended.
 * - `cancel-job`: end the job at the scheduler.
 */
export type Action = 'count-generation' | 'find-cause' | 'cancel-job';

interface Row {
  readonly from: readonly Phase[];
  readonly on: LifeEvent | readonly LifeEvent[];
  readonly to: Phase | 'same';
  readonly action?: Action;
  /** Only where a server of this sandbox has, or has never, been ready. */
  readonly when?: 'served' | 'never-served';
}

const ASKED: readonly Phase[] = ['pending', 'configuring', 'requeued'];
const ON_NODE: readonly Phase[] = ['starting', 'ready', 'expiring', 'unreachable', 'suspended'];
const LIVE: readonly Phase[] = [...ASKED, ...ON_NODE];

/** The first row that fits decides; what no row names changes nothing. */
export const TABLE: readonly Row[] = [
  { from: ['submitting'], on: 'accepted', to: 'pending' },
  { from: ['submitting'], on: ['rejected', 'never-submitted'], to: 'ended' },

  { from: ['pending', 'configuring'], on: 'waiting', to: 'pending' },
  { from: ['requeued'], on: 'waiting', to: 'requeued' },
  { from: ['pending', 'configuring'], on: 'configuring', to: 'configuring' },
  { from: ASKED, on: ['running', 'restarted'], to: 'starting' },
  { from: ASKED, on: 'suspended', to: 'suspended' },

  { from: ON_NODE, on: ['waiting', 'configuring'], to: 'requeued', action: 'count-generation' },
  { from: ON_NODE, on: 'restarted', to: 'starting', action: 'count-generation' },
  { from: ON_NODE, on: 'suspended', to: 'suspended' },
  { from: ['suspended'], on: 'running', to: 'unreachable', when: 'served' },
  { from: ['suspended'], on: 'running', to: 'starting', when: 'never-served' },

  { from: ['starting', 'unreachable', 'suspended'], on: 'healthy', to: 'ready' },
  { from: ['starting'], on: 'overdue', to: 'unreachable', when: 'served' },
  {
    from: ['starting'],
    on: 'overdue',
    to: 'ended',
    action: 'cancel-job',
    when: 'never-served',
  },
  { from: ['ready', 'expiring'], on: 'no-answer', to: 'unreachable' },
  { from: ['ready'], on: 'near-end', to: 'expiring' },

  { from: [...LIVE, 'stopping'], on: ['finished', 'vanished'], to: 'ended', action: 'find-cause' },
  { from: [...LIVE, 'stopping'], on: ['silent', 'unheard', 'completing'], to: 'same' },
  { from: ['submitting', ...LIVE], on: 'stop', to: 'stopping', action: 'cancel-job' },
];

export interface Step {
  readonly phase: Phase;
  readonly action?: Action;
}

/** @param served whether a server of this sandbox, of any generation, has ever been ready. */
export function nextStep(phase: Phase, event: LifeEvent, served: boolean): Step {
  const row = TABLE.find(
    ({ from, on, when }) =>
      from.includes(phase) &&
      (typeof on === 'string' ? on === event : on.includes(event)) &&
      (when === undefined || (when === 'served') === served),
  );
  if (row === undefined || row.to === 'same') return { phase };
  return { phase: row.to, ...(row.action !== undefined && { action: row.action }) };
}

const WORDS: readonly (readonly [LifeEvent, string])[] = [
  ['waiting', 'PENDING REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT RESV_DEL_HOLD'],
  ['configuring', 'CONFIGURING POWER_UP_NODE'],
  ['running', 'RUNNING SIGNALING STAGE_OUT RESIZING'],
  ['suspended', 'SUSPENDED STOPPED'],
  ['completing', 'COMPLETING'],
  [
    'finished',
    'BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED LAUNCH_FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED RECONFIG_FAIL REVOKED TIMEOUT',
  ],
];

/** What the scheduler's own word for a job's state means for us. */
export function eventOfWord(word: string): LifeEvent {
  return WORDS.find(([, words]) => words.split(' ').includes(word))?.[0] ?? 'unheard';
}
