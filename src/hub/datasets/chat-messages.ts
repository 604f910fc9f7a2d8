/** Looks at the conversations in sampled rows: who speaks, in which order, with which tools, and one example. */
import { isRecord } from '#core/json.ts';

export type Message = Readonly<Record<string, unknown>>;
export type Row = Readonly<Record<string, unknown>>;

/** What a message may carry besides role and content, and what training has to know of. */
const TOOL_FIELDS = ['tool_calls', 'tool_call_id', 'name', 'function_call'] as const;
/** Roles that chat templates know. */
export const KNOWN_ROLES: ReadonlySet<string> = new Set([
  'system',
  'developer',
  'user',
  'assistant',
  'tool',
  'function',
  'ipython',
]);

export interface ChatLook {
  readonly column: string;
  /** Conversations that could be looked at. */
  readonly conversations: number;
  /** How many messages each role has, most first. */
  readonly roles: readonly (readonly [role: string, count: number])[];
  /** Fields of tool use that are set in at least one message. */
  readonly toolFields: readonly string[];
  readonly minMessages: number;
  readonly maxMessages: number;
  /** Conversations whose last message is not the assistant's. */
  readonly endsElsewhere: number;
  /** Conversations without any message of the assistant. */
  readonly withoutAssistant: number;
  readonly withSystem: number;
  readonly example?: Message;
}

/** A list of messages out of a cell: as it is, as lists by field, or as text that holds JSON. */
export function messagesIn(cell: unknown): readonly Message[] | undefined {
  if (Array.isArray(cell)) {
    const items: readonly unknown[] = cell;
    return items.every(isRecord) ? items : undefined;
  }
  if (isRecord(cell)) return fromColumns(cell);
  return undefined;
}

/** The same, where the cell is a text with JSON. */
export function messagesInText(cell: unknown): readonly Message[] | undefined {
  if (typeof cell !== 'string' || !cell.trimStart().startsWith('[')) return undefined;
  try {
    const found = messagesIn(JSON.parse(cell));
    return found?.every((message) => 'role' in message || 'from' in message) === true
      ? found
      : undefined;
  } catch {
    return undefined;
  }
}

/** `{role: [a, b], content: [c, d]}` is two messages. */
function fromColumns(cell: Readonly<Record<string, unknown>>): readonly Message[] | undefined {
  const columns = Object.entries(cell);
  const lengths = columns.map(([, values]) => (Array.isArray(values) ? values.length : -1));
  const [length] = lengths;
  if (length === undefined || length < 0 || lengths.some((other) => other !== length))
    return undefined;
  return Array.from({ length }, (_, index) =>
    Object.fromEntries(
      columns.map(([name, values]) => {
        const list: readonly unknown[] = Array.isArray(values) ? values : [];
        return [name, list[index]];
      }),
    ),
  );
}

/** @param keys the names of role and content in this column. */
export function lookAtChats(
  column: string,
  chats: readonly (readonly Message[])[],
  keys: { readonly role: string; readonly assistant: ReadonlySet<string> } = STANDARD,
): ChatLook {
  const roles = new Map<string, number>();
  const all = chats.flat();
  for (const message of all) {
    const role = roleOf(message, keys.role);
    roles.set(role, (roles.get(role) ?? 0) + 1);
  }
  const isAssistant = (message: Message | undefined): boolean =>
    message !== undefined && keys.assistant.has(roleOf(message, keys.role));
  const lengths = chats.map(({ length }) => length);
  const toolFields = TOOL_FIELDS.filter((name) => all.some((message) => isSet(message[name])));
  const example =
    all.find((message) => isSet(message['tool_calls']) || isSet(message['function_call'])) ??
    all.find(isAssistant) ??
    all.find((message) => roleOf(message, keys.role) !== 'system');
  return {
    column,
    conversations: chats.length,
    roles: [...roles].toSorted((a, b) => b[1] - a[1]),
    toolFields,
    minMessages: Math.min(...lengths, Number.MAX_SAFE_INTEGER),
    maxMessages: Math.max(...lengths, 0),
    endsElsewhere: chats.filter((chat) => chat.length > 0 && !isAssistant(chat.at(-1))).length,
    withoutAssistant: chats.filter((chat) => !chat.some(isAssistant)).length,
    withSystem: chats.filter((chat) =>
      chat.some((message) => roleOf(message, keys.role) === 'system'),
    ).length,
    ...(example !== undefined && { example }),
  };
}

const STANDARD = { role: 'role', assistant: new Set(['assistant']) } as const;
export const SHAREGPT = {
  role: 'from',
  assistant: new Set(['gpt', 'assistant', 'bot', 'chatgpt', 'model', 'bing', 'bard']),
} as const;

const roleOf = (message: Message, key: string): string => {
  const role = message[key];
  return typeof role === 'string' ? role : '(none)';
};

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return !(Array.isArray(value) && value.length === 0);
}
