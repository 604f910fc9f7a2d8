/** Gives every message that arrives to whom it belongs: an execution, a request on control, another client, or the news of the kernel. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { ChannelEvent, KernelMessage } from './contract.ts';
import type { ControlRequests } from './control.ts';
import type { TrackedExecution } from './execution.ts';
import { createForeignActivity, type ForeignActivity } from './foreign-activity.ts';
import { createIdleWatch, type IdleWatch } from './idle-watch.ts';
import { executionStateOf } from './messages.ts';
import { createProcessStamp, type ProcessStamp } from './process-stamp.ts';
import type { Readiness } from './readiness.ts';
import { createReplayFilter } from './replay-filter.ts';

const OUTPUT_TYPES = new Set([
  'stream',
  'display_data',
  'update_display_data',
  'execute_result',
  'error',
  'clear_output',
]);

export interface RouterOptions {
  readonly clock: Clock;
  readonly connectionId: string;
  readonly lastProcess: string | undefined;
  readonly control: ControlRequests;
  readonly readiness: Readiness;
  onEvent(event: ChannelEvent): void;
}

export class Router {
  readonly foreign: ForeignActivity;
  readonly #options: RouterOptions;
  readonly #stamp: ProcessStamp;
  readonly #idleWatch: IdleWatch;
  readonly #replay = createReplayFilter();
  readonly #executions = new Map<string, TrackedExecution>();
  #shellRequest: string | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.foreign = createForeignActivity((event) => options.onEvent(event));
    this.#stamp = createProcessStamp(options.connectionId, options.lastProcess);
    this.#idleWatch = createIdleWatch({
      clock: options.clock,
      control: options.control,
      onIdleLost: (tracked) => {
        tracked.idleLost();
        this.#forget(tracked);
      },
    });
  }

  /** The stamp of the kernel process that answered last; undefined when none has. */
  get process(): string | undefined {
    return this.#stamp.current;
  }

  get hasExecutions(): boolean {
    return this.#executions.size > 0;
  }

  /** The execution that began with the request of that id and goes on. */
  execution(msgId: string): TrackedExecution | undefined {
    return this.#executions.get(msgId);
  }

  /** Messages of this execution are its own from now on, until it has ended. */
  track(tracked: TrackedExecution): void {
    this.#executions.set(tracked.execution.msgId, tracked);
  }

  /** A reply to this request on shell means that the kernel is not busy with anybody's code. */
  expectOnShell(msgId: string): void {
    this.#shellRequest = msgId;
  }

  /** What was known of other clients holds for the old socket; what was heard there is not taken in again. */
  nextSocket(): void {
    this.#replay.nextSocket();
    this.foreign.reset();
  }

  stop(): void {
    this.#idleWatch.stopAll();
  }

  route(message: KernelMessage): void {
    const { parentHeader, channel, header } = message;
    const parentId = parentHeader.msg_id;
    const statusOnly = channel === 'iopub' && header.msg_type === 'status';
    if (statusOnly && parentId === undefined && this.#kernelStatus(message)) return;
    const change = this.#stamp.observe(message);
    if (change !== undefined) this.#processChanged(change);
    if (parentId === undefined) return;
    if (channel === 'shell' && parentId === this.#shellRequest) return this.foreign.ownStarted();
    if (channel === 'iopub' && this.#replay.isRepeated(header.msg_id)) return;

    const tracked = this.#executions.get(parentId);
    const isForeign = parentHeader.session !== this.#options.connectionId;
    if (tracked !== undefined) {
      // Listened to here, and sent by another client: the kernel is busy with it until its idle.
      if (isForeign) this.foreign.observe(message);
      this.#accept(tracked, message);
    } else if (this.#options.control.accept(message)) return;
    else if (isForeign) this.foreign.observe(message);
    else if (channel === 'iopub' && OUTPUT_TYPES.has(header.msg_type)) {
      this.#options.onEvent({ type: 'late-output', parentId, message });
    }
  }

  /** A message that could not be read. */
  malformed(reason: string): void {
    this.#options.onEvent({ type: 'malformed', reason });
  }

  #accept(tracked: TrackedExecution, message: KernelMessage): void {
    this.foreign.ownStarted();
    try {
      tracked.accept(message);
    } catch (error) {
      const { msg_type: type } = message.header;
      this.malformed(`A message of type ${type} could not be processed: ${messageOf(error)}`);
    }
    if (tracked.finished) {
      if (tracked.wasIdle) this.#forgetLostBefore(tracked);
      this.#forget(tracked);
    } else if (tracked.replied) this.#idleWatch.start(tracked);
  }

  /** Reply and idle come in the order of the requests: what earlier ones miss will not come. */
  #forgetLostBefore(tracked: TrackedExecution): void {
    for (const earlier of this.#executions.values()) {
      if (earlier === tracked) return;
      if (earlier.released) this.#forget(earlier);
    }
  }

  #forget(tracked: TrackedExecution): void {
    this.#idleWatch.stop(tracked);
    this.#executions.delete(tracked.execution.msgId);
  }

  /** Read before anything is filtered by parent (C24). The server writes it, so it carries no stamp of a process. */
  #kernelStatus(message: KernelMessage): boolean {
    const { clock, readiness } = this.#options;
    const state = executionStateOf(message);
    if (state !== 'restarting' && state !== 'autorestarting' && state !== 'dead') return false;
    this.foreign.reset();
    this.#options.onEvent({ type: 'kernel-status', state, atMs: clock.now() });
    if (state === 'dead') readiness.fail(kernelDead());
    return true;
  }

  #processChanged(change: { readonly from: string; readonly to: string }): void {
    const { clock, readiness } = this.#options;
    this.foreign.reset();
    for (const tracked of this.#executions.values()) if (tracked.released) this.#forget(tracked);
    this.#options.onEvent({ type: 'process-changed', ...change, atMs: clock.now() });
    readiness.askAgain();
  }
}

function kernelDead(): GloveboxError {
  return new GloveboxError(
    'kernel/dead',
    'The kernel process ended and could not be started again.',
    {
      hint: 'Call restart_kernel. Variables are lost.',
    },
  );
}
