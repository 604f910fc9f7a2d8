/** How a Job is told: its stage, its times, what it cost so far. */
import { renderDuration } from '#core/units.ts';
import { renderUsd } from '#core/money.ts';
import type { Hardware } from '#hub/jobs/hardware.ts';
import { isFinal, jobName, jobPage, type Job, type JobRef } from '#hub/jobs/job.ts';
import { oneLine } from '../../paged-answer.ts';
import { costSoFar } from './job-cost.ts';
import { renderCommand } from './launcher.ts';

export const stageWords = ({ status: { stage, message } }: Job): string =>
  message === undefined || message === '' ? stage : `${stage} (${oneLine(message, 200)})`;

export const refOf = (job: Job, namespace: string): JobRef => ({
  namespace: job.owner?.name ?? namespace,
  id: job.id,
});

function runningMs(job: Job, nowMs: number): number | undefined {
  const told = job.durations?.runningSecs;
  if (told !== undefined && isFinal(job.status.stage)) return told * 1000;
  if (job.startedAt === undefined) return told === undefined ? undefined : told * 1000;
  return Math.max(0, (job.finishedAt ?? nowMs) - job.startedAt);
}

/** An estimate: the service bills whole minutes, those of its start included. */
function costWords(job: Job, { flavors }: Hardware, nowMs: number): string {
  const ms = runningMs(job, nowMs);
  if (ms === undefined) return job.startedAt === undefined ? '$0.00' : 'cost unknown';
  const flavor = flavors.find(({ name }) => name === job.flavor);
  const exposed = job.status.exposeUrls.length > 0;
  const cost = costSoFar(flavor, { seconds: ms / 1000, exposed });
  return cost === undefined ? 'cost unknown' : `about ${renderUsd(cost)}`;
}

const imageWords = ({ dockerImage, spaceId }: Job): string =>
  dockerImage ?? (spaceId === undefined ? 'image unknown' : `Space ${spaceId}`);

const ago = (ms: number | undefined, nowMs: number): string =>
  ms === undefined ? 'age unknown' : `${renderDuration(Math.max(0, nowMs - ms))} old`;

/** One line of a list. */
export function jobLine(job: Job, namespace: string, hardware: Hardware, nowMs: number): string {
  const ran = runningMs(job, nowMs);
  return [
    jobName(refOf(job, namespace)),
    job.labels?.['name'] ?? '-',
    imageWords(job),
    job.flavor ?? '-',
    job.status.stage,
    ago(job.createdAt, nowMs),
    ran === undefined ? 'not started' : `ran ${renderDuration(ran)}`,
    costWords(job, hardware, nowMs),
  ].join(' | ');
}

const instant = (ms: number | undefined): string =>
  ms === undefined ? '-' : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** Everything about one. Values of variables are left out; those of secrets nobody has. */
export function jobDetails(
  job: Job,
  namespace: string,
  hardware: Hardware,
  { nowMs, hub }: { readonly nowMs: number; readonly hub: string },
): readonly string[] {
  const ref = refOf(job, namespace);
  const { labels = {}, owner, initiator, volumes, status, timeoutSeconds } = job;
  const ran = runningMs(job, nowMs);
  const list = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [
    `Job ${jobName(ref)}: ${stageWords(job)}`,
    `page: ${hub}${jobPage(ref)}`,
    `command: ${oneLine(renderCommand([...job.command, ...job.arguments]), 500)}`,
    `image: ${imageWords(job)}`,
    `hardware: ${job.flavor ?? 'unknown'}${timeoutSeconds === undefined ? '' : `, limit ${renderDuration(timeoutSeconds * 1000)}`}`,
    `created ${instant(job.createdAt)}, started ${instant(job.startedAt)}, finished ${instant(job.finishedAt)}`,
    `${ran === undefined ? 'not started' : `ran ${renderDuration(ran)}`}, ${costWords(job, hardware, nowMs)}`,
    `owner: ${owner?.name ?? namespace}${owner?.type === 'org' ? ' (organisation)' : ''}${initiator === undefined ? '' : `, started by ${initiator.name}`}`,
    ...(list.length === 0 ? [] : [`labels: ${list.join(', ')}`]),
    ...volumes.map(({ type, source, mountPath }) => `mounts: ${type} ${source} at ${mountPath}`),
    ...status.exposeUrls.map(
      (url) => `open port: ${url} (wants a Hub token in the Authorization header)`,
    ),
    ...(status.sshUrl === undefined
      ? []
      : [`shell: ssh ${status.sshUrl} (wants a key that is registered at ${hub}/settings/keys)`]),
  ];
}
