/** Who may see a secret that a sandbox is asked for. */
import { isRecord } from '#core/json.ts';

/**
 * - `build`: what installs packages, or builds the image.
 * - `download`: what fetches weights and private repositories.
 * - `setup`: what runs when the sandbox is set up.
 * - `kernel`: kernels, and so whatever runs in a cell.
 */
export const SECRET_SCOPES = ['build', 'download', 'setup', 'kernel'] as const;
export type SecretScope = (typeof SECRET_SCOPES)[number];

/** A token of the Hub is needed to fetch weights, and has no business where they are used. */
export function scopesOf({
  env,
  scope,
}: {
  readonly env?: string | undefined;
  readonly scope?: readonly SecretScope[] | undefined;
}): readonly SecretScope[] {
  if (scope !== undefined) return scope;
  return env === 'HF_TOKEN' ? ['download'] : ['setup'];
}

/** Whether code that somebody chose for the sandbox sees any of them: all but what only fetches. Of options as they are written. */
export function givesSecrets({
  secrets,
  header_secrets: headers,
}: Readonly<Record<string, unknown>>): boolean {
  // What it may use in requests it need not see.
  if (Array.isArray(headers) ? headers.length > 0 : headers !== undefined) return true;
  if (!Array.isArray(secrets)) return secrets !== undefined;
  return secrets.some((secret) => {
    if (!isRecord(secret)) return true;
    const { env, scope } = secret;
    if (!Array.isArray(scope)) return env !== 'HF_TOKEN';
    return scope.some((each) => each !== 'download');
  });
}
