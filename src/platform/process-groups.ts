/** The process groups of the programs that must not outlive this process. */

const runningGroups = new Set<number>();
let exitHookSet = false;

/** From now on the group is killed when this process exits. */
export function rememberGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  runningGroups.add(pid);
  if (exitHookSet) return;
  exitHookSet = true;
  process.once('exit', () => runningGroups.forEach((group) => signalGroup(group, 'SIGKILL')));
}

export function forgetGroup(pid: number | undefined): void {
  if (pid !== undefined) runningGroups.delete(pid);
}

/** Only while the group's leader is our own child that was not collected yet, or right after: nobody else can have its number. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The whole group is gone.
  }
}
