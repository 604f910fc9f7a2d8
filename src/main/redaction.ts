/** The redactor of this process, with the secrets of this machine; it learns of new ones while the process lives. */
import path from 'node:path';
import type { Config } from '#config/config.ts';
import type { Environment } from '#config/environment.ts';
import type { Clock } from '#platform/clock.ts';
import { createRedactor, type Redactor } from '#policy/redaction/redactor.ts';
import { loadRedactor } from '#policy/redaction/secrets-of-machine.ts';

/** Tokens of sandboxes come to be while the process lives. */
const STALE_MS = 30_000;

export interface LiveRedactor {
  /** With everything that is known now. Never rejects. */
  load(): Promise<Redactor>;
  /** At once, with what was known a moment ago: for texts of errors and logs. */
  redact(this: void, text: string): string;
  /** Values that this process gave away as secrets. */
  learn(values: readonly string[]): void;
}

export function createLiveRedactor(config: Config, env: Environment, clock: Clock): LiveRedactor {
  let current = createRedactor();
  let loadedMs = -Infinity;
  let loading: Promise<Redactor> | undefined;
  const learned = new Set<string>();

  const load = (): Promise<Redactor> => {
    loading ??= loadRedactor(sourcesOf(config, env, learned))
      .then((redactor) => {
        current = redactor;
        loadedMs = clock.monotonic();
        return redactor;
      })
      .catch(() => current)
      .finally(() => {
        loading = undefined;
      });
    return loading;
  };

  return {
    load,
    redact(text) {
      if (clock.monotonic() - loadedMs > STALE_MS && loading === undefined) void load();
      return current.text(text).value;
    },
    learn(values) {
      for (const value of values) learned.add(value);
      loadedMs = -Infinity;
    },
  };
}

const SECRET_OPTIONS = [
  'hub.token',
  'github.token',
  'papers.semantic_scholar_key',
  'network.proxy',
  'transcripts.token',
  'jobs.token',
  'jobs.proxy_token',
] as const;

function sourcesOf(
  config: Config,
  env: Environment,
  learned: Iterable<string>,
): Parameters<typeof loadRedactor>[0] {
  const tokenFile =
    config.getOrDefault('hub.token_file') ?? path.join(config.getOrDefault('hub.home'), 'token');
  const configured = SECRET_OPTIONS.flatMap((key) => config.getOrDefault(key)?.reveal() ?? []);
  const values = [...configured, ...learned];
  return { env, dir: config.getOrDefault('dir'), tokenFiles: [tokenFile], values };
}
