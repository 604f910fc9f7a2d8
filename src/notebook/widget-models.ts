/** What the widgets of a kernel show, in words: progress bars, texts, and boxes of them, followed through the messages that change them. */
import { isRecord } from '#core/json.ts';
import { visibleText } from './render/html.ts';

/** A widget's own state, as far as it can be said in words. */
type State = Readonly<Record<string, unknown>>;

/** The comm target of ipywidgets: https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md */
const TARGET = 'jupyter.widget';
/** How a widget names another one in its state. */
const REFERENCE = 'IPY_MODEL_';
const FIELDS = ['_model_name', 'description', 'value', 'min', 'max', 'children'] as const;
/** Code may make widgets in a loop; the oldest are forgotten, and show what was last said of them. */
const MOST_MODELS = 2000;
const MOST_CHILDREN = 50;
const MOST_CHARS = 2000;
const DEEPEST = 5;
const BAR_CELLS = 10;

export class WidgetModels {
  readonly #models = new Map<string, State>();

  /** Takes in a `comm_open`, `comm_msg` or `comm_close`. @returns the widget of which something changed that is said in words */
  receive(type: string, content: Readonly<Record<string, unknown>>): string | undefined {
    const { comm_id: id, data } = content;
    if (typeof id !== 'string') return undefined;
    if (type === 'comm_close') return this.#models.delete(id) ? id : undefined;
    if (type === 'comm_open' && content['target_name'] !== TARGET) return undefined;
    if (type === 'comm_msg' && !this.#models.has(id)) return undefined;
    const state = isRecord(data) && isRecord(data['state']) ? pick(data['state']) : {};
    if (type === 'comm_open' ? !isShown(state) : Object.keys(state).length === 0) return undefined;
    this.#models.set(id, { ...this.#models.get(id), ...state });
    const [oldest] = this.#models.keys();
    if (this.#models.size > MOST_MODELS && oldest !== undefined) this.#models.delete(oldest);
    return id;
  }

  has(id: string): boolean {
    return this.#models.has(id);
  }

  /** Whether a change of one widget shows in another: it is the same, or stands inside. */
  isWithin(id: string, root: string): boolean {
    return this.#within(root).has(id);
  }

  /** What a widget shows, in words; undefined where nothing in it moves by itself: those are told best by their Python repr. */
  text(root: string): string | undefined {
    const names = [...this.#within(root)].map((id) => this.#models.get(id)?.['_model_name']);
    return names.some(isProgressOrText) ? this.#describe(root, new Set()) : undefined;
  }

  /** A widget and all that stand in it, each once. */
  #within(root: string): ReadonlySet<string> {
    const found = new Set([root]);
    for (const id of found) {
      if (found.size < MOST_CHILDREN)
        for (const child of childrenOf(this.#models.get(id))) found.add(child);
    }
    return found;
  }

  /** @param around the widgets that it stands in: one that stands in itself is said once */
  #describe(id: string, around: ReadonlySet<string>): string {
    const state = this.#models.get(id);
    if (state === undefined || around.has(id) || around.size > DEEPEST) return '';
    const name = nameOf(state);
    const { value } = state;
    if (isProgress(name)) return around.size === 0 ? renderProgress(state) : renderBar(state);
    if (name === 'Label') return typeof value === 'string' ? value : '';
    if (isHtml(name)) return typeof value === 'string' ? visibleText(value) : '';
    const children = childrenOf(state);
    if (children.length === 0) return renderOther(name, state);
    const inside = new Set([...around, id]);
    const parts = children.map((child) => this.#describe(child, inside)).filter(Boolean);
    return name === 'HBox' ? joinRow(parts) : parts.join('\n');
  }
}

const nameOf = (state: State): string => String(state['_model_name']).replace(/Model$/, '');
const isProgress = (name: string): boolean => name === 'FloatProgress' || name === 'IntProgress';
const isHtml = (name: string): boolean => name === 'HTML' || name === 'HTMLMath';
const isProgressOrText = (name: unknown): boolean =>
  typeof name === 'string' && /^(?:FloatProgress|IntProgress|HTML|HTMLMath|Label)Model$/.test(name);

/** A bar stands close to the text before it, as terminals have it. */
const joinRow = (parts: readonly string[]): string =>
  parts.reduce((row, part) => `${row}${row === '' || /^\|.*\|$/.test(part) ? '' : ' '}${part}`, '');

/** How it looks is not said. */
const isShown = (state: State): boolean =>
  typeof state['_model_name'] === 'string' && !/(?:Layout|Style)Model$/.test(state['_model_name']);

function pick(state: Readonly<Record<string, unknown>>): State {
  const picked: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const value = state[field];
    if (typeof value === 'string') picked[field] = value.slice(0, MOST_CHARS);
    else if (typeof value === 'number' || typeof value === 'boolean') picked[field] = value;
    else if (field === 'children' && Array.isArray(value))
      picked[field] = value.slice(0, MOST_CHILDREN);
  }
  return picked;
}

function childrenOf(state: State | undefined): readonly string[] {
  const children = state?.['children'];
  if (!Array.isArray(children)) return [];
  return children.flatMap((child: unknown) => {
    const isReference = typeof child === 'string' && child.startsWith(REFERENCE);
    return isReference ? [child.slice(REFERENCE.length)] : [];
  });
}

const numberOf = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : otherwise;

/** `training 12/50` */
function renderProgress(state: State): string {
  const { description } = state;
  const label = typeof description === 'string' && description !== '' ? `${description} ` : '';
  return `${label}${numberOf(state['value'], 0)}/${numberOf(state['max'], 100)}`;
}

function renderBar(state: State): string {
  const min = numberOf(state['min'], 0);
  const span = numberOf(state['max'], 100) - min;
  const share = span > 0 ? (numberOf(state['value'], min) - min) / span : 0;
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
  return `|${'█'.repeat(full)}${' '.repeat(BAR_CELLS - full)}|`;
}

/** As the Python repr of ipywidgets says it: `IntSlider(value=5, description='n')`. */
function renderOther(name: string, state: State): string {
  const { value, description } = state;
  const isSimple = ['string', 'number', 'boolean'].includes(typeof value);
  const parts = [
    ...(isSimple ? [`value=${JSON.stringify(value)}`] : []),
    ...(typeof description === 'string' && description !== ''
      ? [`description='${description}'`]
      : []),
  ];
  return `${name}(${parts.join(', ')})`;
}
