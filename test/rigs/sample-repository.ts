/** A git repository with one module, which git finds under an address of the internet. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Nothing answers there: git is told to look elsewhere. */
export const SAMPLE_URL = 'https://git.invalid/sample.git';

export interface SampleRepository {
  readonly commit: string;
  /** For the environment of git; or its text, for a file `.gitconfig` in the home folder. */
  readonly env: Readonly<Record<string, string>>;
  readonly gitConfig: string;
  /** Another commit on top. @returns its name. */
  commitMore(): string;
}

/** Puts the module `gbrepo` where kernels import from; as `pip install .` does, without pip. */
export const INSTALL = ['sh', '-c', 'cp gbrepo.py "$VIRTUAL_ENV"/lib/python3*/site-packages/'];

export function makeSampleRepository(folder: string): SampleRepository {
  const origin = path.join(folder, 'sample.git');
  mkdirSync(origin, { recursive: true });
  const git = (...words: string[]): string =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', ...words], {
      cwd: origin,
      encoding: 'utf8',
    }).trim();
  const commitWith = (text: string): string => {
    writeFileSync(path.join(origin, 'gbrepo.py'), text);
    git('add', '.');
    git('commit', '--quiet', '-m', text);
    return git('rev-parse', 'HEAD');
  };
  git('init', '--quiet');
  return {
    commit: commitWith('value = 1\n'),
    env: {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.file://${folder}/.insteadOf`,
      GIT_CONFIG_VALUE_0: 'https://git.invalid/',
    },
    gitConfig: `[url "file://${folder}/"]\n\tinsteadOf = https://git.invalid/\n`,
    commitMore: () => commitWith('value = 2\n'),
  };
}
