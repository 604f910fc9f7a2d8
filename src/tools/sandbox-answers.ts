/** How a sandbox is shown in answers. */
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import type { Offer, Quote } from '#sandbox/backend.ts';
import { PAID_BACKENDS } from '#sandbox/admission.ts';
import { beforehandCeilingUsd, beforehandWords } from '#sandbox/beforehand.ts';
import { forwardedPortsOf, tagsOf } from '#sandbox/common-options.ts';
import type { Sandboxes, SandboxView } from '#sandbox/sandboxes.ts';

const HOUR_MS = 3_600_000;

export function sandboxSummary(view: SandboxView, nowMs: number): string {
  const { status } = view;
  const tail = status.end?.logTail ?? [];
  return [
    `sandbox_id: ${view.id}`,
    `backend: ${view.backend}${view.backend === 'local' ? ' (this machine, no isolation)' : ''}`,
    `state: ${status.state}${status.detail === undefined ? '' : ` (${status.detail})`}`,
    ...(status.host === undefined ? [] : [`host: ${status.host}`]),
    ...(tagWords(view) === '' ? [] : [`tags: ${tagWords(view)}`]),
    ...(view.jupyterUrl === undefined
      ? []
      : [`browser: ${view.jupyterUrl} (glovebox open ${view.id} signs a person in)`]),
    ...portsOf(view).map((port) => `port ${port}: glovebox open ${view.id} --port ${port}`),
    ...(status.deadlineMs === undefined
      ? []
      : [`time left: ${renderDuration(Math.max(0, status.deadlineMs - nowMs))}`]),
    ...(status.usdPerHour === undefined ? [] : [`cost: ${costWords(view, nowMs)}`]),
    ...(status.end === undefined ? [] : [`ended: ${status.end.cause}: ${status.end.message}`]),
    ...(view.notes ?? []),
    ...(tail.length === 0 ? [] : ['last log lines:', ...tail]),
    ...(view.ignoredOptions === undefined
      ? []
      : [
          `ignored: ${view.ignoredOptions.join(', ')} (it lives already, with other values; they hold only for a sandbox that is started)`,
        ]),
  ].join('\n');
}

/** Tags as people write them in one line, `name=value` each. @throws `input/invalid`. */
export const parseTags = (texts: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new GloveboxError('input/invalid', `The tag "${text}" is not written name=value.`);
    }),
  );

const tagWords = ({ options }: SandboxView): string =>
  Object.entries(tagsOf(options))
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

/** Those that are reached through its server, while it has one. */
const portsOf = ({ options, status }: SandboxView): readonly string[] =>
  status.state === 'ready' ? forwardedPortsOf(options).map(String) : [];

export const sandboxMeta = (view: SandboxView) =>
  ({ sandbox_id: view.id, backend: view.backend, state: view.status.state }) as const;

export function sandboxLine(view: SandboxView, nowMs: number): string {
  const age = renderDuration(Math.max(0, nowMs - view.createdMs));
  const tags = tagWords(view);
  const line = `${view.id}  ${view.status.state}  ${view.backend}  started ${age} ago  ${view.projectDir}${tags === '' ? '' : `  ${tags}`}`;
  return view.status.usdPerHour === undefined ? line : `${line}  ${costWords(view, nowMs)}`;
}

/** What all prices come from is said once, below them. */
export function offerLines(offers: readonly Offer[]): readonly string[] {
  const priced = offers.filter(({ usdPerHour }) => usdPerHour !== undefined);
  const [source, ...others] = new Set(priced.map(({ priceSource }) => priceSource));
  if (source === undefined || others.length > 0) return offers.map(offerLine);
  const rows = offers.map((each) => {
    const { priceSource: _, ...offer } = each;
    return offerLine(offer);
  });
  return [...rows, `prices: ${source}`];
}

function offerLine(offer: Offer): string {
  const gpus = (offer.gpus ?? []).map(({ name, count }) => `${count}x ${name}`).join(', ');
  const price =
    offer.usdPerHour === undefined
      ? 'price unknown'
      : offer.usdPerHour === 0
        ? 'free'
        : `$${offer.usdPerHour.toFixed(2)}/h${offer.priceSource === undefined ? '' : ` (${offer.priceSource})`}`;
  return [
    `${offer.name}: ${offer.description}`,
    ...(offer.cpus === undefined ? [] : [`${offer.cpus} CPUs`]),
    ...(offer.memoryMiB === undefined ? [] : [`${Math.round(offer.memoryMiB / 1024)} GiB memory`]),
    gpus === '' ? 'no GPU' : gpus,
    price,
    ...(offer.availability === undefined ? [] : [offer.availability]),
  ].join(', ');
}

/** @param count how many of them are wanted: what they come to together is said too. */
export function quoteLines(
  { usdPerHour, ceilingUsd, beforehand, priceSource, remarks }: Quote,
  count = 1,
): readonly string[] {
  const all = (usd: number): string =>
    count === 1 ? '' : `, $${(usd * count).toFixed(2)} for all ${count}`;
  const price =
    usdPerHour === undefined
      ? 'price: unknown'
      : `price: $${usdPerHour.toFixed(2)}/h${all(usdPerHour)}${priceSource === undefined ? '' : ` (${priceSource})`}`;
  const before =
    beforehand === undefined
      ? ''
      : `, of that $${beforehandCeilingUsd(beforehand).toFixed(2)} for ${beforehandWords(beforehand)}`;
  const ceiling =
    ceilingUsd === undefined
      ? []
      : [`most it can cost: $${ceilingUsd.toFixed(2)}${before}${all(ceilingUsd)}`];
  return [price, ...ceiling, ...remarks];
}

/** What runs and costs, whatever project it belongs to. */
export interface Burning {
  readonly ids: readonly string[];
  readonly usdPerHour: number;
  /** As an estimate. */
  readonly spentUsd: number;
}

/** Undefined when nothing that is paid runs. Asks the back ends that cost money, and no others. */
export async function burning(
  sandboxes: Pick<Sandboxes, 'backends' | 'list'>,
  nowMs: number,
  signal: AbortSignal,
): Promise<Burning | undefined> {
  const paid = sandboxes.backends().filter((backend) => PAID_BACKENDS.has(backend));
  const found = await Promise.all(paid.map((backend) => sandboxes.list({ backend }, signal)));
  const living = found.flat();
  if (living.length === 0) return undefined;
  return {
    ids: living.map(({ id }) => id),
    usdPerHour: living.reduce((sum, { status }) => sum + (status.usdPerHour ?? 0), 0),
    spentUsd: living.reduce((sum, view) => sum + usdUntil(view, nowMs), 0),
  };
}

export const burningLine = ({ ids, usdPerHour, spentUsd }: Burning): string =>
  `paid sandboxes that run: ${ids.length}, $${usdPerHour.toFixed(2)}/h, about $${spentUsd.toFixed(2)} so far (${ids.join(', ')})`;

function usdUntil({ status, createdMs }: SandboxView, ms: number): number {
  const { usdPerHour = 0, beforehandUsd = 0, paidSinceMs = createdMs } = status;
  return (Math.max(0, ms - paidSinceMs) / HOUR_MS) * usdPerHour + beforehandUsd;
}

/** Of a paid one: what it costs, has cost at most, and can still come to. */
export function costWords(view: SandboxView, nowMs: number): string {
  const { usdPerHour = 0, deadlineMs, state, end } = view.status;
  const dollars = (ms: number): string => `$${usdUntil(view, ms).toFixed(2)}`;
  if (state === 'ended') return `at most ${dollars(end?.atMs ?? nowMs)} in all`;
  const ceiling = deadlineMs === undefined ? '' : `, at most ${dollars(deadlineMs)} in all`;
  return `$${usdPerHour.toFixed(2)}/h, about ${dollars(nowMs)} so far${ceiling}`;
}
