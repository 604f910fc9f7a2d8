/** Says in every answer how long a sandbox lives, once its time limit is near. */
import { renderDuration } from '#core/units.ts';
import type { ToolServices } from './define-tool.ts';

const NEAR_MS = 15 * 60_000;

/** One sentence or none. What it costs is a look at the record. */
export async function timeLeft(
  sandboxId: string,
  { sandboxes }: Pick<ToolServices, 'sandboxes'>,
): Promise<readonly string[]> {
  const deadline = await sandboxes.deadlineMs(sandboxId).catch(() => undefined);
  const leftMs = (deadline ?? Number.POSITIVE_INFINITY) - Date.now();
  if (leftMs > NEAR_MS || leftMs <= 0) return [];
  return [
    `Sandbox ${sandboxId} has ${renderDuration(leftMs)} left until its time limit; what runs then is ended, and variables are lost. glovebox keep-alive ${sandboxId} puts a new one in its place.`,
  ];
}
