/** What became of Jobs, for a hook: by the same configuration and the same questions as the server's. Loaded only where one is open. */
import type { Environment } from '#config/environment.ts';
import { loadConfig } from '#config/load.ts';
import { systemClock } from '#platform/clock.ts';
import { createJobFates } from './job-fates.ts';
import { createWebServices } from './web-services.ts';

export async function jobFatesForHook(
  env: Environment,
  cwd: string,
): Promise<ReturnType<typeof createJobFates>> {
  return createJobFates(createWebServices(await loadConfig({ env, cwd }), systemClock).hub);
}
