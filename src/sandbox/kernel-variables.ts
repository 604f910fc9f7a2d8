/** Variables of kernels and secrets that a sandbox is asked for: how they are written, which names are taken, and who may see which secret. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { Environment } from '#platform/environment.ts';
import { scopesOf, SECRET_SCOPES, type SecretScope } from './secret-scopes.ts';

export const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);

export const envOption = z.record(variableName, z.string());

export const secretFields = {
  as: variableName.optional().describe('Its name inside. Default: the same.'),
  scope: z.array(z.enum(SECRET_SCOPES)).min(1).optional(),
} as const;

const secretOption = z.strictObject({
  env: variableName.describe('Variable of your environment that holds the value.'),
  ...secretFields,
});

/** Of a secret whose value is in the user's own environment. */
export type OwnSecret = z.output<typeof secretOption>;

export const SECRETS_WORDS =
  'Secrets by name, never by value: {"env":"HF_TOKEN"}; scope says who sees them (build, download, setup, kernel). Default scope: download for HF_TOKEN, else setup.';

/** Of back ends that provide no secrets of their own. */
export const variableOptions = {
  env: envOption.optional().describe('Variables of kernels.'),
  secrets: z.array(secretOption).max(100).optional().describe(SECRETS_WORDS),
} as const;

/** By scope: names inside, with their values. */
export type SecretsByScope = Readonly<Record<SecretScope, Readonly<Record<string, string>>>>;

/** @throws `config/invalid` naming the first variable that is not set. */
export function secretsByScope(
  secrets: readonly OwnSecret[] | undefined,
  variables: Environment,
): SecretsByScope {
  const found = (secrets ?? []).map((secret) => {
    const value = variables[secret.env];
    if (value === undefined || value === '') throw missing(secret.env);
    return { name: secret.as ?? secret.env, value, scopes: scopesOf(secret) };
  });
  const of = (scope: SecretScope): Readonly<Record<string, string>> =>
    Object.fromEntries(
      found.flatMap(({ name, value, scopes }) => (scopes.includes(scope) ? [[name, value]] : [])),
    );
  return { build: of('build'), download: of('download'), setup: of('setup'), kernel: of('kernel') };
}

interface Asked {
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly secrets?:
    | readonly {
        readonly env?: string | undefined;
        readonly as?: string | undefined;
        readonly keys?: readonly string[];
      }[]
    | undefined;
}

interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Set by Glovebox in every kernel, or read by the server before it. */
const RESERVED: readonly (readonly [RegExp, string])[] = [
  [/^MODEL_/, 'begins with MODEL_, which is reserved'],
  [/^REPO_.*_PATH$/, 'is the name of a variable for a repository, which is reserved'],
  [
    /^GLOVEBOX_(TOKEN|SPEC|INSTALL|WEIGHTS|COPIES|EQUIPMENT|GIT|FORGET|LIB|MODELS)$/,
    'is a name that Glovebox itself uses, which is reserved',
  ],
  [/^JUPYTER_/, 'begins with JUPYTER_, which is reserved'],
  [/^PYTHONPATH$/, 'is reserved: workspace libraries, or files, make modules importable'],
];

/** Names that are used twice, or that are not free. */
export function mistakesInVariables({ env = {}, secrets = [] }: Asked): readonly Mistake[] {
  const named = secrets.flatMap(({ env: from, as, keys = [] }, at) =>
    (from === undefined ? keys : [as ?? from]).map((name) => ({ name, at })),
  );
  const reserved = (name: string, path: Mistake['path']): readonly Mistake[] =>
    RESERVED.flatMap(([pattern, message]) => (pattern.test(name) ? [{ path, message }] : []));
  return [
    ...Object.keys(env).flatMap((name) => [
      ...(named.some((secret) => secret.name === name)
        ? [{ path: ['env', name], message: 'is a secret too' }]
        : []),
      ...reserved(name, ['env', name]),
    ]),
    ...named.flatMap(({ name, at }) => reserved(name, ['secrets', at])),
  ];
}

function missing(name: string): GloveboxError {
  return new GloveboxError('config/invalid', `The secret ${name} is not set.`, {
    hint: `Set the variable ${name} where Glovebox runs, or leave it out of secrets.`,
  });
}
