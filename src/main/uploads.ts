/** Wires the upload of transcripts: its settings, its own token, its worker. */
import type { Config } from '#config/config.ts';
import type { Environment } from '#config/environment.ts';
import { claudeDirIn, isUploadWanted } from '#config/transcript-settings.ts';
import { VERSION } from '#core/version.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { createUploads, type Uploads } from '#transcripts/uploads.ts';
import { createLiveRedactor } from './redaction.ts';
import { createWebServices } from './web-services.ts';

const MB = 1_000_000;

export function createUploadsOf(
  config: Config,
  env: Environment,
  log: Log,
  clock: Clock,
  parts: { readonly pausesMs?: readonly number[] } = {},
): Uploads {
  const redactor = createLiveRedactor(config, env, clock);
  return createUploads({
    dir: config.get('dir'),
    claudeDir: claudeDirIn(env),
    clock,
    log,
    settings: {
      isOn: isUploadWanted(env),
      repo: config.get('transcripts.repo'),
      include: (config.get('transcripts.include') ?? []).filter((part) => part !== 'none'),
      maxBytes: config.get('transcripts.max_mb') * MB,
    },
    ...parts,
    version: VERSION,
    hub: () => createWebServices(config, clock, { hubTokenOption: 'transcripts.token' }).hub,
    redactor: () => redactor.load(),
  });
}
