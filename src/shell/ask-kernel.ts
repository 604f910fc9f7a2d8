/** Asks a program of ours in a helper kernel one question. It is no run: it takes a moment and leaves nothing behind. */
import * as z from 'zod';
import { abandonOn } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Loan } from '#session/helper-kernels.ts';

export interface Question {
  /** As `pythonCall` makes it. */
  readonly code: string;
  /** The type under which the program publishes its answer, as JSON. */
  readonly mime: string;
  readonly limitMs: number;
}

/**
 * One silent request.
 *
 * @returns what the program published, parsed
 * @throws `kernel/unresponsive`, and then it is not known what the program did; `cancelled`, and it goes on.
 */
export async function askKernel(
  { session }: Loan,
  { code, mime, limitMs }: Question,
  clock: Clock,
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
