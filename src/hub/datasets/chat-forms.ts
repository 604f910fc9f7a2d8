/** The forms in which datasets keep conversations, and the Python that turns each of them into a list of {role, content}. */
import { fieldsOfList, isText, type FeatureType } from './feature-types.ts';

export interface ChatForm {
  /** `role` and `content`, or `from` and `value` as ShareGPT has it. */
  readonly keys: 'role' | 'from';
  /**
   * A list of messages; a message by itself; or one list for each field, which is how rows come out of a `Sequence` around a
   * struct, whatever the schema calls it.
   */
  readonly shape: 'list' | 'single' | 'columns';
}

/** `undefined` for what is no conversation. */
export function chatFormOf(type: FeatureType | undefined): ChatForm | undefined {
  if (type?.kind === 'list') {
    const keys = keysOf(fieldsOfList(type), isText);
    return keys === undefined ? undefined : { keys, shape: type.isColumnar ? 'columns' : 'list' };
  }
  if (type?.kind !== 'struct') return undefined;
  const single = keysOf(type.fields, isText);
  if (single !== undefined) return { keys: single, shape: 'single' };
  const columns = keysOf(type.fields, (field) => field?.kind === 'list' && isText(field.of));
  return columns === undefined ? undefined : { keys: columns, shape: 'columns' };
}

function keysOf(
  fields: ReadonlyMap<string, FeatureType> | undefined,
  isSpeaker: (type: FeatureType | undefined) => boolean,
): ChatForm['keys'] | undefined {
  if (isSpeaker(fields?.get('role')) && fields?.has('content') === true) return 'role';
  return isSpeaker(fields?.get('from')) && fields?.has('value') === true ? 'from' : undefined;
}

/** What trainers take as it is. */
export const isStandard = (form: ChatForm | undefined): boolean =>
  form?.keys === 'role' && form.shape === 'list';

/** `messages is a list of {from, value}` without its subject. */
export function describeForm({ keys, shape }: ChatForm): string {
  const fields = keys === 'role' ? '{role, content}' : '{from, value}';
  if (shape === 'list') return `a list of ${fields}`;
  return shape === 'single' ? `one message ${fields}` : `lists by field, ${fields}`;
}

const ROLES = '{"human": "user", "gpt": "assistant"}';
const renamed = (role: string): string => `${ROLES}.get(${role}, ${role})`;

/** @param place Python for the cell: `row["conversations"]` */
export function toMessages({ keys, shape }: ChatForm, place: string): string {
  if (keys === 'role') {
    if (shape === 'list') return place;
    return shape === 'single'
      ? `[${place}]`
      : `[{"role": r, "content": c} for r, c in zip(${place}["role"], ${place}["content"])]`;
  }
  if (shape === 'single')
    return `[{"role": ${renamed(`${place}["from"]`)}, "content": ${place}["value"]}]`;
  return shape === 'list'
    ? `[{"role": ${renamed('m["from"]')}, "content": m["value"]} for m in ${place}]`
    : `[{"role": ${renamed('r')}, "content": c} for r, c in zip(${place}["from"], ${place}["value"])]`;
}

export interface FoundChat {
  readonly form: ChatForm;
  /** Python for it; `item` where each row holds several. */
  readonly place: string;
  /** As it stands in a sentence: `data.messages`. */
  readonly name: string;
  /** The rows hold a list of conversations each, in this column. */
  readonly severalIn?: string;
}

/** A conversation one level below the columns: in a field of a struct, or in a list of conversations. */
export function nestedChat(types: ReadonlyMap<string, FeatureType>): FoundChat | undefined {
  for (const [column, type] of types) {
    if (type.kind === 'struct') {
      for (const [field, inner] of type.fields) {
        const form = chatFormOf(inner);
        if (form !== undefined && form.shape !== 'single')
          return { form, place: `row["${column}"]["${field}"]`, name: `${column}.${field}` };
      }
    }
    const form = type.kind === 'list' ? chatFormOf(type.of) : undefined;
    if (form !== undefined && form.shape !== 'single')
      return { form, place: 'item', name: column, severalIn: column };
  }
  return undefined;
}
