/** What every measure gets: a lab with a running sandbox, how many rounds to take, and somebody to tell. */
import type { JupyterAccess } from './jupyter-access.ts';
import type { Lab } from './lab.ts';
import type { McpProcess } from './mcp-process.ts';
import type { Finding } from './row.ts';

export interface Bench {
  readonly lab: Lab;
  /** A server on which the sandbox of the lab is ready. */
  readonly server: McpProcess;
  /** The sandbox's own Jupyter server, for floors that use it without Glovebox. */
  readonly jupyter: JupyterAccess;
  /** A smoke run: everything once, small where that is possible. Its numbers mean nothing. */
  readonly isQuick: boolean;
  /** The given number, or one in a quick run. */
  rounds(this: void, full: number): number;
}

export interface Measure {
  readonly name: string;
  run(this: void, bench: Bench): Promise<readonly Finding[]>;
}
