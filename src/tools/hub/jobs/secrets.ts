/** Gathers the secrets that go into a Job, by name; their values are in no text. */
import { GloveboxError } from '#core/errors.ts';
import { mayInherit } from '#policy/job-images.ts';
import type { ToolContext } from '../../define-tool.ts';
import type { JobsInput } from '../hf-jobs.ts';

export interface GatheredSecrets {
  readonly values: Readonly<Record<string, string>>;
  /** What goes in, for the person who decides. */
  readonly words: readonly string[];
}

/** @throws GloveboxError `input/invalid` naming a variable that is not set; `remote/auth-required` when a token is wanted and there is none. */
export async function gatherSecrets(
  { secrets = {}, hf_token: wanted }: JobsInput,
  image: string,
  { jobs, hub }: ToolContext,
): Promise<GatheredSecrets> {
  const values: Record<string, string> = {};
  const words: string[] = [];
  for (const [name, given] of Object.entries(secrets)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new GloveboxError('input/invalid', `secrets: "${name}" is no name of a variable.`, {
        hint: 'write it as {"WANDB_API_KEY": "$WANDB_API_KEY"}.',
      });
    const variable = /^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?$/.exec(given)?.[1];
    const value = variable === undefined ? given : jobs.variable(variable);
    if (value === undefined || value === '')
      throw new GloveboxError(
        'input/invalid',
        `secrets: the variable ${variable} is not set here.`,
        {
          hint: `let the user set ${variable} where Glovebox runs, or leave it out.`,
        },
      );
    values[name] = value;
    words.push(variable === undefined ? `${name} (from the call)` : `${name} ($${variable})`);
  }
  const isWanted = wanted === undefined ? mayInherit(image) : wanted === 'inherit';
  if (!isWanted || 'HF_TOKEN' in values) return { values, words };
  const token = await jobs.token();
  if (token === undefined) {
    if (wanted === undefined) return { values, words };
    throw new GloveboxError(
      'remote/auth-required',
      'There is no Hub token that could go into the Job.',
      {
        hint: `set GLOVEBOX_JOB_TOKEN to a fine-grained token from ${hub.hosts().hub}/settings/tokens.`,
      },
    );
  }
  const warning = mayInherit(image) ? '' : ', INTO AN IMAGE OF SOMEBODY ELSE';
  return {
    values: { ...values, HF_TOKEN: token.value },
    words: [...words, `HF_TOKEN of ${token.source}${warning}`],
  };
}
