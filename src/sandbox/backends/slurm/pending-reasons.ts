/** Says in plain words why a job waits, and whether somebody must do something about it. */

export interface PendingReason {
  readonly text: string;
  /** It does not pass by waiting. */
  readonly needsAction: boolean;
}

interface Row {
  readonly reason: RegExp;
  readonly text: string;
  readonly needsAction?: true;
}

/** Reasons of `squeue`, in their own words. The first that fits. */
const REASONS: readonly Row[] = [
  { reason: /^Priority$/, text: 'other jobs are before it' },
  { reason: /^Resources$/, text: 'it is next, as soon as enough is free' },
  { reason: /^BeginTime$/, text: 'it may start in a moment, as always after a requeue' },
  { reason: /^Dependency/, text: 'it waits for another job' },
  { reason: /^DependencyNeverSatisfied$/, text: 'the job it depends on failed', needsAction: true },
  { reason: /^Licenses/, text: 'all licenses are in use' },
  { reason: /^(Reservation|ReqNodeReserved)$/, text: 'its reservation has not begun' },
  { reason: /^JobArrayTaskLimit$/, text: 'the limit of its array is reached' },
  {
    reason: /^PartitionTimeLimit$/,
    text: 'its time limit is longer than the partition allows',
    needsAction: true,
  },
  {
    reason: /^PartitionNodeLimit$/,
    text: 'it asks for more nodes than the partition allows',
    needsAction: true,
  },
  {
    reason: /^Partition(Down|Inactive|Config)$/,
    text: 'the partition takes no jobs now',
    needsAction: true,
  },
  { reason: /^InvalidAccount$/, text: 'the account is not valid', needsAction: true },
  { reason: /^InvalidQOS$/, text: 'the QOS is not valid', needsAction: true },
  { reason: /^QOSNotAllowed$/, text: 'the QOS may not be used here', needsAction: true },
  {
    reason: /^BadConstraints$/,
    text: 'no node can ever meet what it asks for',
    needsAction: true,
  },
  {
    reason: /^JobHeldUser$/,
    text: 'it is held; "scontrol release" lets it go on',
    needsAction: true,
  },
  { reason: /^JobHeldAdmin$/, text: 'an administrator holds it', needsAction: true },
  {
    reason: /ReqNodeNotAvail/,
    text: 'a node it needs is not available, perhaps before a maintenance that its time limit reaches into',
    needsAction: true,
  },
  {
    reason: /DOWN|DRAINED|Nodes_required/i,
    text: 'the nodes it could run on are down, drained or reserved for others',
    needsAction: true,
  },
  {
    reason: /^(QOS|Assoc).*(JobsLimit|SubmitLimit|MaxJobs)/,
    text: 'as many of your jobs as allowed are running or waiting',
    needsAction: true,
  },
  {
    reason: /^(QOS|Assoc)Max.*PerJob/,
    text: 'one job may not have as much as it asks for',
    needsAction: true,
  },
  { reason: /^QOS.*PerUser/, text: 'you use as much as one user may at a time' },
  { reason: /^(AssocGrp|QOSGrp)/, text: 'your group uses as much as it may at a time' },
  { reason: /^NodeDown$/, text: 'a node it needs is down', needsAction: true },
  { reason: /^(Cleaning|Prolog)$/, text: 'nodes are being prepared' },
];

/** Undefined without a reason. One nobody here knows is given in the scheduler's own words. */
export function explainReason(reason: string | undefined): PendingReason | undefined {
  if (reason === undefined) return undefined;
  const plain = reason.replaceAll(/^\(|\)$/g, '').trim();
  const row = REASONS.find((candidate) => candidate.reason.test(plain));
  if (row === undefined) return { text: plain, needsAction: false };
  return { text: `${plain}: ${row.text}`, needsAction: row.needsAction === true };
}
