/** Asks a small Python program of ours in a hidden kernel, and takes what it publishes for an answer. */
import * as z from 'zod';
import { abandonOn } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels, Loan } from '#session/helper-kernels.ts';
import { pythonCall } from '#session/python-call.ts';

const ANSWER_MS = 60_000;

export interface Program {
  readonly helpers: HelperKernels;
  readonly clock: Clock;
  /** Its text. */
  source(this: void): Promise<string>;
  /** The type under which it publishes its answer, as JSON. */
  readonly mime: string;
  /** How long one answer may take. Default: a minute. */
  readonly limitMs?: number;
}

/** @throws `kernel/unresponsive`: if it was a change, whether it happened is not known. `cancelled`. */
export type Ask = (
  request: Readonly<Record<string, unknown>>,
  /** Instead of the caller's, for what must happen although the caller is gone. */
  signal?: AbortSignal,
) => Promise<unknown>;

/**
 * Lends a kernel for as long as `work` takes.
 *
 * @throws `sandbox/pending`, `sandbox/ended`, `shell/unavailable`, and what `work` throws.
 */
export async function withProgram<T>(
  program: Program,
  sandboxId: string | undefined,
  wait: SandboxWait,
  work: (ask: Ask, sandboxId: string) => Promise<T>,
): Promise<T> {
  const source = await program.source();
  const loan = await program.helpers.lend(sandboxId, wait);
  try {
    return await work(
      (request, signal = wait.signal) =>
        askKernel(loan, pythonCall(source, request), program, signal),
      loan.sandbox.id,
    );
  } finally {
    loan.release();
  }
}

/** One silent request, which is no run: it takes a moment, and what it changes is checked by its hash. */
async function askKernel(
  { session }: Loan,
  code: string,
  { mime, clock, limitMs = ANSWER_MS }: Program,
  signal: AbortSignal,
): Promise<unknown> {
  const { link } = session;
  if (link === undefined) throw silent('The connection to the sandbox was lost');
  let published: unknown;
  const execution = link.channel.execute(
    { msgId: newUuid(), code, silent: true, storeHistory: false, allowStdin: false },
    {
      onMessage: ({ header, content }) => {
        if (header.msg_type !== 'display_data') return;
        const bundle = z.looseObject({ [mime]: z.string() }).safeParse(content['data']);
        if (bundle.success) published = JSON.parse(bundle.data[mime] ?? 'null');
      },
    },
  );
  const stop = new AbortController();
  const limit = sleep(clock, limitMs, stop.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    const reply = await abandonOn(Promise.race([execution.finished, limit]), signal);
    if (reply === undefined) throw silent(`There was no answer within ${limitMs / 1000} s`);
    if (published === undefined)
      throw silent(
        `The look at the sandbox ended without an answer (${reply.error?.value ?? reply.status})`,
      );
    return published;
  } finally {
    stop.abort();
    execution.release();
  }
}

function silent(what: string): GloveboxError {
  return new GloveboxError('kernel/unresponsive', `${what}.`, {
    hint: 'If this was a change, whether it happened is not known: sandbox_read shows the file as it is.',
  });
}
