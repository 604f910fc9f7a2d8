/** What Jobs of the Hub are given of this machine, from the configuration. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '#config/config.ts';
import { variable, type Environment } from '#config/environment.ts';
import type { JobLocals, JobSecret } from '#hub/jobs/locals.ts';
import type { Credential } from '#platform/web/contract.ts';
import { hubToken, secretOf } from './web-services.ts';

export function jobLocals(config: Config, environment: Environment): JobLocals {
  return {
    namespace: () => config.get('jobs.namespace'),
    token: async () =>
      bare(secretOf(config, 'jobs.token', 'authorization', 'Bearer ') ?? (await hubToken(config))),
    variable: (name) => variable(environment, name),
    installation: createHash('sha256')
      .update(`installation:${hostname()}:${config.getOrDefault('dir')}`)
      .digest('hex')
      .slice(0, 16),
  };
}

/** As a program takes it, without the words of the header. */
const bare = (credential: Credential | undefined): JobSecret | undefined =>
  credential && { value: credential.value.replace(/^Bearer /, ''), source: credential.source };
