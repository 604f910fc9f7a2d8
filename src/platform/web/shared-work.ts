/** Lets callers that want the same thing at the same time share one piece of work. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';

export interface SharedWork<T> {
  /**
   * Joins the work under way for `key`, or starts it. A caller that gives up leaves the others alone; when the last one has
   * left, the signal that `work` got fires.
   *
   * @throws GloveboxError `cancelled` for the caller whose signal fired; else whatever `work` throws.
   */
  join(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T>;
}

export function createSharedWork<T>(): SharedWork<T> {
  interface Task {
    readonly result: Promise<T>;
    readonly stop: AbortController;
    callers: number;
  }
  const tasks = new Map<string, Task>();

  const start = (key: string, work: (signal: AbortSignal) => Promise<T>): Task => {
    const stop = new AbortController();
    const task: Task = { result: work(stop.signal), stop, callers: 0 };
    tasks.set(key, task);
    const forget = (): void => {
      if (tasks.get(key) === task) tasks.delete(key);
    };
    task.result.then(forget, forget);
    return task;
  };

  return {
    async join(key, work, signal) {
      throwIfAborted(signal);
      const task = tasks.get(key) ?? start(key, work);
      task.callers += 1;
      try {
        return await abandonOn(task.result, signal);
      } finally {
        task.callers -= 1;
        if (task.callers === 0 && tasks.get(key) === task) {
          tasks.delete(key);
          task.stop.abort();
        }
      }
    },
  };
}
