/** Finds Glovebox's own folder for programs that must start at once: what `config.get('dir')` says, without loading the table. */
import path from 'node:path';
import { homeIn, variable, type Environment } from './environment.ts';
import { absolute } from './paths.ts';

/** An absolute path; nothing is made. */
export function stateDirIn(env: Environment, cwd: string): string {
  const home = homeIn(env);
  const named = variable(env, 'GLOVEBOX_DIR') ?? variable(env, 'JLAB_MCP_DIR');
  return named === undefined ? path.join(home, '.glovebox') : absolute(named, { base: cwd, home });
}
