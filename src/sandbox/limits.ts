/** When a sandbox ends by itself: options that mean the same on every back end, and what they become for its Jupyter server. */
import * as z from 'zod';
import type { JsonObject } from '#core/json.ts';

const DAY_S = 86_400;
/** The server looks once a minute, and whoever ended a kernel may ask for another one. */
export const EMPTY_SERVER_S = 120;

/** Of back ends whose machines cost nothing by the hour, so that nobody has to say it. */
export const limitOptions = {
  idle_timeout_seconds: z
    .int()
    .min(0)
    .max(366 * DAY_S)
    .refine((idleS) => idleS === 0 || idleS >= 60, 'must be 0 or at least 60')
    .optional()
    .describe(
      'A kernel that runs nothing for so long ends, also one that somebody is connected to, and with the last one the sandbox; 0 is never.',
    ),
  allow_no_idle_limit: z
    .boolean()
    .optional()
    .describe('Needed for idle_timeout_seconds = 0 where a sandbox costs money; here it is free.'),
  max_cost_usd: z
    .number()
    .positive()
    .optional()
    .describe('Do not start it when it could cost more: here it costs nothing.'),
} as const;

export const lifetimeOption = z
  .int()
  .min(60)
  .max(366 * DAY_S)
  .optional();

/**
 * For the configuration of a server whose kernels end one by one when they run nothing, and which then ends itself. Running kernels
 * never are ended; connected ones are, since Glovebox itself stays connected.
 */
export function cullingConfig(idleS: number): JsonObject {
  return {
    cull_idle_timeout: idleS,
    cull_interval: Math.min(60, Math.max(5, Math.round(idleS / 10))),
    cull_connected: true,
    cull_busy: false,
  };
}

interface TwoNames {
  /** How the one name is written, and what it says in seconds; undefined where it was left out. */
  readonly name: string;
  readonly seconds: number | undefined;
}

/** What two names of one thing say. Adds a mistake where they contradict each other. */
export function agreeing(
  context: z.core.$RefinementCtx,
  [first, second]: readonly [TwoNames, TwoNames],
): void {
  const isAgreed =
    first.seconds === undefined || second.seconds === undefined || first.seconds === second.seconds;
  if (isAgreed) return;
  context.addIssue({
    code: 'custom',
    path: [first.name],
    message: `says ${first.seconds} s, and ${second.name} says ${second.seconds} s: leave one of them out`,
  });
}
