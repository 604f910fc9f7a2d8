/** Types of reaper.mjs, which is plain JavaScript because it runs as a process of its own. */
export const MARK: string;
export function markedProcesses(mark: string): number[];
export function processesWith(...entries: readonly string[]): number[];
export function killAll(pids: readonly number[]): void;
export function killMarked(mark: string): void;
export function startReaper(): {
  watch(mark: string, folder?: string): void;
  forget(mark: string): void;
};
