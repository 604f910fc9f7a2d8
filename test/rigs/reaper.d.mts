/** Types of reaper.mjs, which is plain JavaScript because it runs as a process of its own. */
export const MARK: string;
export function markedProcesses(mark: string): number[];
export function killMarked(mark: string): void;
export function startReaper(): {
  watch(mark: string): void;
  forget(mark: string): void;
};
