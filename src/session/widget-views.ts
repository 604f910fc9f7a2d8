/** Keeps what widgets show in the cells that show them: traffic between kernel and browser becomes updates of displays. */
import { newUuid } from '#core/ids.ts';
import { isRecord } from '#core/json.ts';
import type { KernelMessage } from '#jupyter/contract.ts';
import { FOLLOWED_WIDGET, WIDGET_MIME } from '#notebook/contract.ts';
import { WidgetModels } from '#notebook/widget-models.ts';
import type { Clock } from '#platform/clock.ts';

/** A bar moves ten times a second; the journal takes down so many of its steps, and the last. */
const SHOW_MS = 1000;
/** Views that are followed at once, the newest. */
const MOST_VIEWS = 200;

interface View {
  /** Of the display; of what other clients see it is no part. */
  readonly displayId: string;
  readonly data: Readonly<Record<string, unknown>>;
  text: string;
}

export class WidgetViews {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #models = new WidgetModels();
  /** By the widget that is shown. */
  readonly #views = new Map<string, View>();
  readonly #changed = new Set<string>();
  #shownAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** @returns what a reader of the output has to take in instead of this message, in order */
  follow(message: KernelMessage): readonly KernelMessage[] {
    if (message.channel !== 'iopub') return [message];
    const { msg_type: type } = message.header;
    switch (type) {
      case 'comm_open':
      case 'comm_msg':
      case 'comm_close':
        this.#noteChange(this.#models.receive(type, message.content));
        return this.#isDue() ? this.#updates(message) : [];
      case 'display_data':
      case 'execute_result':
        return [...this.#updates(message), this.#withView(message)];
      default:
        return [...this.#updates(message), message];
    }
  }

  #noteChange(id: string | undefined): void {
    if (id === undefined) return;
    for (const root of this.#views.keys())
      if (this.#models.isWithin(id, root)) this.#changed.add(root);
  }

  #isDue(): boolean {
    return this.#changed.size > 0 && this.#clock.monotonic() - this.#shownAt >= SHOW_MS;
  }

  #withView(message: KernelMessage): KernelMessage {
    const { data, transient, metadata } = message.content;
    const view = isRecord(data) ? data[WIDGET_MIME] : undefined;
    const id = isRecord(view) ? view['model_id'] : undefined;
    const text = typeof id === 'string' ? this.#models.text(id) : undefined;
    if (!isRecord(data) || typeof id !== 'string' || text === undefined) return message;
    const own = isRecord(transient) ? transient['display_id'] : undefined;
    const displayId = typeof own === 'string' ? own : `widget-${id}`;
    this.#views.set(id, { displayId, data, text });
    const [oldest] = this.#views.keys();
    if (this.#views.size > MOST_VIEWS && oldest !== undefined) this.#views.delete(oldest);
    return {
      ...message,
      content: {
        ...message.content,
        data: { ...data, 'text/plain': text },
        metadata: { ...(isRecord(metadata) && metadata), ...FOLLOWED_WIDGET },
        transient: { ...(isRecord(transient) && transient), display_id: displayId },
      },
    };
  }

  #updates(message: KernelMessage): readonly KernelMessage[] {
    if (this.#changed.size === 0) return [];
    const roots = [...this.#changed];
    this.#changed.clear();
    this.#shownAt = this.#clock.monotonic();
    return roots.flatMap((root) => {
      const view = this.#views.get(root);
      if (view === undefined) return [];
      const isClosed = !this.#models.has(root);
      const text = isClosed ? '' : (this.#models.text(root) ?? view.text);
      if (isClosed) this.#views.delete(root);
      if (text === view.text) return [];
      view.text = text;
      // A widget that was closed is shown nowhere any more.
      const data = isClosed ? { 'text/plain': '' } : { ...view.data, 'text/plain': text };
      const content = {
        data,
        metadata: FOLLOWED_WIDGET,
        transient: { display_id: view.displayId },
      };
      return [updateAfter(message, content)];
    });
  }
}

function updateAfter(message: KernelMessage, content: KernelMessage['content']): KernelMessage {
  const header = { ...message.header, msg_id: newUuid(), msg_type: 'update_display_data' };
  return { ...message, header, metadata: {}, content, buffers: [] };
}
