/** Finds the folder of the user's project. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { homeIn, variable, type Environment } from './environment.ts';
import { absolute, realPath } from './paths.ts';

/** What people write options into: one in the project, one in Glovebox's own folder. */
export const CONFIG_FILE = 'glovebox.toml';

const MARKERS = ['.glovebox', '.git', 'pyproject.toml', CONFIG_FILE];

export interface ProjectQuestion {
  readonly env: Environment;
  readonly cwd: string;
  /** Folders that the client named (MCP roots), in its order. */
  readonly roots?: readonly string[];
}

/**
 * The project: `GLOVEBOX_PROJECT_DIR`, else `CLAUDE_PROJECT_DIR`, else the first root of the client that exists, else the
 * nearest folder from `cwd` upwards that looks like a project, else `cwd`. Searching upwards never ends in `/` or the home
 * folder, which holds our own `.glovebox`. Always a real path, so that one project has one name.
 */
export function findProjectDir({ env, cwd, roots = [] }: ProjectQuestion): string {
  // A folder that somebody named on purpose is believed even when it is missing: the one who uses it will say so.
  const named = variable(env, 'GLOVEBOX_PROJECT_DIR') ?? variable(env, 'JLAB_MCP_PROJECT_DIR');
  if (named !== undefined) return realPath(absolute(named, { base: cwd, home: homeIn(env) }));
  const told = [variable(env, 'CLAUDE_PROJECT_DIR'), ...roots].find(
    (dir) => dir !== undefined && path.isAbsolute(dir) && isFolder(dir),
  );
  return realPath(told ?? projectAbove(cwd, homeIn(env)) ?? cwd);
}

function projectAbove(cwd: string, home: string): string | undefined {
  const stop = realPath(home);
  for (
    let dir = realPath(cwd);
    dir !== stop && dir !== path.dirname(dir);
    dir = path.dirname(dir)
  ) {
    if (MARKERS.some((marker) => existsSync(path.join(dir, marker)))) return dir;
  }
  return undefined;
}

function isFolder(dir: string): boolean {
  return statSync(dir, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
