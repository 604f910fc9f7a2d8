/** Secrets that stay outside: Modal puts them into headers of requests that leave the sandbox. */
import * as z from 'zod';

/** As the SDK takes them. */
const MAX_HEADERS = 25;
const DOMAIN = /^(\*\.)?([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z0-9-]{1,63}$/;
const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/);
/** A dollar and a name; two dollars are one dollar. */
const VARIABLE = /\$(?:\$|([A-Za-z_]\w*))/g;

const headerSecret = z.strictObject({
  domain: z
    .string()
    .regex(DOMAIN, 'must be a host such as api.example.com or *.example.com')
    .describe('Host whose requests get them.'),
  secret: z.string().min(1).describe('Name of a secret that is stored at Modal.'),
  headers: z
    .record(headerName, z.string().regex(/^\P{Cc}*$/u, 'must be one line'))
    .describe('Header and value; $NAME in it is a variable of the secret, $$ a dollar.'),
});

export const headerSecretsOption = z
  .array(headerSecret)
  .default([])
  .describe(
    'Secrets that nothing inside sees, put into headers of https requests on their way out (experimental at Modal): [{"domain":"api.example.com","secret":"example","headers":{"Authorization":"Bearer $EXAMPLE_KEY"}}].',
  );

type HeaderSecrets = z.output<typeof headerSecretsOption>;

/** Which variables a secret must have for these headers. */
export const variablesIn = (headers: Readonly<Record<string, string>>): readonly string[] => [
  ...new Set(
    Object.values(headers).flatMap((value) =>
      [...value.matchAll(VARIABLE)].flatMap(([, name]) => name ?? []),
    ),
  ),
];

interface Wanted {
  readonly header_secrets: HeaderSecrets;
  readonly network: 'open' | 'none' | { readonly domains?: readonly string[] | undefined };
}

/** What the SDK would refuse once an image is built. */
export function* mistakesInHeaders({
  header_secrets: wanted,
  network,
}: Wanted): Generator<{ readonly path: readonly (string | number)[]; readonly message: string }> {
  const field = 'header_secrets';
  if (wanted.length === 0) return;
  if (network === 'none') yield { path: [field], message: 'needs a network that is not none' };
  else if (network !== 'open' && (network.domains ?? []).length > 0)
    yield { path: [field], message: 'cannot be had together with network.domains' };
  const count = wanted.reduce((sum, { headers }) => sum + Object.keys(headers).length, 0);
  if (count > MAX_HEADERS)
    yield { path: [field], message: `must not have more than ${MAX_HEADERS} headers` };
  for (const [at, { headers }] of wanted.entries())
    if (variablesIn(headers).length === 0)
      yield { path: [field, at, 'headers'], message: 'names no variable of the secret, as $NAME' };
}
