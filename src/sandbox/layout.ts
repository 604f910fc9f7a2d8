/** Where things are inside a rented machine, so that no path stands in code. */

/** Where things are inside a sandbox. Relative paths count from the working folder of its main process. */
export interface Layout {
  readonly workspace: string;
  readonly models: string;
  readonly cache: string;
  /** Private files of ours. */
  readonly state: string;
  /** What Jupyter listens on. */
  readonly ip: string;
  readonly port: number;
  /** Who runs Jupyter and kernels when the container starts as root; absent: nobody else. */
  readonly user?: { readonly name: string; readonly uid: number; readonly home?: string };
}

/** Whose container it is; files of kernels belong to this user. */
const CONTAINER_USER = { name: 'gbx', uid: 1000 };

/** @param root `/` in a container of its own; any other folder belongs to somebody else, so no user is made then. */
export function layoutBelow(root: string, port: number): Layout {
  const base = root.replace(/\/+$/, '');
  const isContainer = root === '/';
  return {
    workspace: `${base}/workspace`,
    models: `${base}/models`,
    cache: `${base}/cache`,
    state: `${base}/var/lib/glovebox`,
    // Which address a tunnel needs is not documented; nothing but the tunnel leads to it.
    ip: isContainer ? '0.0.0.0' : '127.0.0.1',
    port,
    ...(isContainer && { user: CONTAINER_USER }),
  };
}
