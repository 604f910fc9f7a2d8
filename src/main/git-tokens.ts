/** The user's own tokens for git servers, for back ends that work on machines of the user's. */
import type { Config } from '#config/config.ts';
import { gitTokensOf, type GitTokens } from '#sandbox/git-access.ts';

/** @throws `config/invalid` for a bad value. */
export const gitTokensFrom = (config: Config): GitTokens =>
  gitTokensOf(
    {
      GITHUB_TOKEN: config.get('github.token')?.reveal(),
      HF_TOKEN: config.get('hub.token')?.reveal(),
    },
    config.get('hub.endpoint'),
  );
