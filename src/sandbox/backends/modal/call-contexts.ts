/** Looks into the calls that the SDK makes: the id of a sandbox as soon as it exists, the lines of a build, and an end for calls that nobody waits for. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ModalClient } from 'modal';
import { isRecord } from '#core/json.ts';

/** What one operation of ours wants to know of the calls the SDK makes for it. */
export interface CallContext {
  /** Ends calls that only read. */
  readonly signal?: AbortSignal;
  /** Told the id in the answer of a create call. The SDK itself tells it only when the sandbox has a machine, which may take 21 minutes. */
  readonly onCreated?: (modalId: string) => void;
  /** Told each line of an image build. The SDK throws them away. */
  readonly onBuildLog?: (line: string) => void;
}

type ClientParams = NonNullable<ConstructorParameters<typeof ModalClient>[0]>;
type Middleware = NonNullable<ClientParams['grpcMiddleware']>[number];

/** A create call that is cut off may have made something, so it always runs to its end. */
const NEVER_CUT = /Create|Terminate|Publish|Snapshot/;

export class CallContexts {
  readonly #storage = new AsyncLocalStorage<CallContext>();

  run<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    return this.#storage.run(context, work);
  }

  middleware(): Middleware {
    const storage = this.#storage;
    return async function* observe(call, options) {
      const context = storage.getStore();
      const { path } = call.method;
      const canCut = context?.signal !== undefined && !NEVER_CUT.test(path);
      const passed =
        canCut && options.signal === undefined ? { ...options, signal: context.signal } : options;
      if (call.responseStream) {
        for await (const item of call.next(call.request, passed)) {
          if (path.endsWith('/ImageJoinStreaming')) tellBuildLog(item, context?.onBuildLog);
          yield item;
        }
        return undefined;
      }
      const answer = yield* call.next(call.request, passed);
      if (/\/SandboxCreate(V2)?$/.test(path)) tellId(answer, context?.onCreated);
      return answer;
    };
  }
}

function tellId(answer: unknown, tell: CallContext['onCreated']): void {
  const id = isRecord(answer) ? answer['sandboxId'] : undefined;
  if (typeof id === 'string') tell?.(id);
}

function tellBuildLog(item: unknown, tell: CallContext['onBuildLog']): void {
  const logs = isRecord(item) ? item['taskLogs'] : undefined;
  if (tell === undefined || !Array.isArray(logs)) return;
  for (const log of logs) {
    const data: unknown = isRecord(log) ? log['data'] : undefined;
    if (typeof data !== 'string') continue;
    for (const line of data.split(/[\r\n]+/)) if (line.trim() !== '') tell(line.trimEnd());
  }
}
