/** Gets the weights of models onto volumes, by a cheap machine without a GPU, once for all sandboxes of the account. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { renderBytes } from '#core/units.ts';
import { sleep } from '#platform/clock.ts';
import {
  ensurePrivateFolder,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from '#platform/files.ts';
import type { Progress } from '#sandbox/backend.ts';
import type { Layout } from '#sandbox/layout.ts';
import { commandFor } from '#sandbox/rented-server.ts';
import { endForSure } from '#sandbox/rented/end-for-sure.ts';
import { logTail } from '#sandbox/rented/log-tail.ts';
import { MARK, ownerMark } from '#sandbox/rented/marks.ts';
import { NEVER } from '#sandbox/rented/attempt.ts';
import type { Connection } from '../connection.ts';
import type { ModalSdk } from '../sdk.ts';
import { fetchProgress, fetchSpec, lineReader } from '#sandbox/models/fetch-lines.ts';
import type { WeightsPlan } from '#sandbox/models/plan.ts';
import { FETCH_MACHINE, weightsNote } from './fetch-machine.ts';

const LIMIT_MS = FETCH_MACHINE.limitMs;
const IMAGE = 'python:3.11-slim-bookworm';
const LOOK_AGAIN_MS = 2000;

export interface FetchContext {
  readonly connection: Connection;
  readonly sdk: ModalSdk;
  readonly layout: Layout;
  readonly hubUrl: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
  /** A machine that fetched has ended, and had been rented for so long. */
  readonly onPaid: (ranMs: number) => void;
}

/** @throws `sandbox/weights-failed` with the end of the downloader's log; nothing runs then, and what was fetched is kept. */
export async function fetchWeights(
  plans: readonly WeightsPlan[],
  context: FetchContext,
): Promise<void> {
  const giveUp = new AbortController();
  const signal = AbortSignal.any([context.signal, giveUp.signal]);
  const all = plans.map((plan) => fetchOne(plan, { ...context, signal }));
  try {
    await Promise.all(all);
  } catch (error) {
    giveUp.abort();
    await Promise.allSettled(all);
    throw error;
  }
}

/** The next start looks at the volumes again. */
export async function forgetWeights(
  plans: readonly WeightsPlan[],
  connection: Connection,
): Promise<void> {
  for (const plan of plans) await removeIfExists(noteFile(plan, connection));
}

async function fetchOne(plan: WeightsPlan, context: FetchContext): Promise<void> {
  const { connection, signal, report } = context;
  if (await isKnownComplete(plan, connection)) return;
  const deadline = connection.clock.monotonic() + LIMIT_MS;
  for (;;) {
    try {
      await download(plan, context);
      await noteComplete(plan, connection);
      return;
    } catch (error) {
      // Its name is the lock: of several who want the same weights one fetches them, and the others look again.
      if (!isGloveboxError(error, 'sandbox/name-taken')) throw error;
      if (connection.clock.monotonic() > deadline) throw error;
      report({ message: `another process is fetching ${plan.label}` });
      await sleep(connection.clock, LOOK_AGAIN_MS, signal);
    }
  }
}

async function download(plan: WeightsPlan, context: FetchContext): Promise<void> {
  const { connection, sdk, layout, hubUrl, secrets, signal, report, onPaid } = context;
  const { clock } = connection;
  const op = newUuid();
  const startedMs = clock.monotonic();
  const spec = fetchSpec(plan, hubUrl);
  const image = await sdk.buildImage({ base: IMAGE, layers: [] }, signal, () => undefined);
  let modalId: string | undefined;
  try {
    report({ message: `fetching ${plan.label} (${renderBytes(plan.totalBytes)})` });
    const creating = sdk.create(
      image,
      {
        name: `gbx-dl-${createHash('sha256').update(plan.volume).digest('hex').slice(0, 16)}`,
        command: await commandFor('fetch_models.py', {
          pythonDir: connection.settings().pythonDir,
          state: layout.state,
        }),
        tags: {
          [MARK.glovebox]: '1',
          [MARK.owner]: ownerMark(sdk.identity),
          [MARK.op]: op,
          [MARK.deadline]: String(clock.now() + LIMIT_MS),
        },
        timeoutMs: LIMIT_MS,
        cpu: FETCH_MACHINE.cores,
        memoryMiB: FETCH_MACHINE.memoryMiB,
        // Which model it is stands nowhere in the dashboard.
        secrets: { ...secrets, GLOVEBOX_SPEC: JSON.stringify(spec) },
        volumes: [{ name: plan.volume, mount: plan.mount }],
        ports: [],
      },
      (id) => {
        modalId = id;
      },
    );
    creating.catch(() => undefined);
    modalId = await creating;
    await untilDone(plan, modalId, context);
    onPaid(clock.monotonic() - startedMs);
  } catch (error) {
    if (isGloveboxError(error, 'sandbox/name-taken')) throw error;
    const made = modalId === undefined ? {} : { machineId: modalId };
    await endForSure({ op, ...made }, connection.provider, NEVER).catch((notEnded: unknown) => {
      // It may run until its limit.
      onPaid(LIMIT_MS);
      throw notEnded;
    });
    onPaid(clock.monotonic() - startedMs);
    throw error;
  }
}

async function untilDone(
  plan: WeightsPlan,
  modalId: string,
  { connection, sdk, signal, report }: FetchContext,
): Promise<void> {
  const { clock } = connection;
  const stop = new AbortController();
  // Progress is for people: when its stream breaks, the end is seen all the same.
  const lines = lineReader((line) => {
    const progress = fetchProgress(line, plan);
    if (progress !== undefined) report(progress);
  });
  const following = sdk.follow(modalId, stop.signal, lines).catch(() => undefined);
  try {
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 1.5, LOOK_AGAIN_MS)) {
      const code = await sdk.poll(modalId, signal);
      if (code === 0) return;
      if (code !== 'running') throw await fetchFailed(plan, modalId, code, connection, signal);
      await sleep(clock, pauseMs, signal);
    }
  } finally {
    stop.abort();
    await following;
  }
}

async function fetchFailed(
  { label }: WeightsPlan,
  modalId: string,
  code: number | 'unknown-id',
  connection: Connection,
  signal: AbortSignal,
): Promise<GloveboxError> {
  const tail = await logTail({ id: modalId }, connection.provider, signal);
  const words = tail.filter((line) => !line.startsWith('{'));
  return new GloveboxError(
    'sandbox/weights-failed',
    [`The weights of ${label} could not be fetched (exit code ${code}).`, ...words].join('\n'),
    { hint: 'Start the sandbox again: it goes on where this one ended. No GPU was rented.' },
  );
}

/** Only saves a look: the sandbox itself refuses to start on weights that are not complete. */
function noteFile({ volume, folder }: WeightsPlan, connection: Connection): string {
  return weightsNote(connection.settings().dir, volume, folder);
}

/** Whether a start of this machine has seen them whole. */
export async function isKnownComplete(plan: WeightsPlan, connection: Connection): Promise<boolean> {
  const text = await readTextIfExists(noteFile(plan, connection));
  return text !== undefined && text.includes(filesKey(plan));
}

async function noteComplete(plan: WeightsPlan, connection: Connection): Promise<void> {
  const file = noteFile(plan, connection);
  await ensurePrivateFolder(path.dirname(file));
  await writeFileAtomic(file, JSON.stringify({ files: filesKey(plan) })).catch((error: unknown) =>
    connection.modal.log.debug(`Note about weights: ${messageOf(error)}`),
  );
}

const filesKey = ({ files, isHidden }: WeightsPlan): string =>
  createHash('sha256')
    .update(JSON.stringify([isHidden, files]))
    .digest('hex');
