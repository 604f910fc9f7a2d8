/** What verdicts are made of: the columns of a dataset, the names that people give them, and the ways in which they fit. */
import { chatFormOf, isStandard, toMessages } from './chat-forms.ts';
import type { Row } from './chat-messages.ts';
import { isText, renderFeatureType, type FeatureType } from './feature-types.ts';

export interface Columns {
  readonly types: ReadonlyMap<string, FeatureType>;
  /** Rows as far as they were fetched; cells that the viewer shortened are left out of them. */
  readonly rows: readonly Row[];
  /** How often each value of a column is there in the whole split, where statistics say so. */
  readonly frequencies?: ReadonlyMap<string, Frequencies>;
}

/** Most first. */
export type Frequencies = readonly (readonly [value: string, count: number])[];

export interface Fit {
  readonly fit: 'ready' | 'needs mapping' | 'needs parsing' | 'no';
  /** One sentence or two. */
  readonly reason: string;
  /** How each row has to be changed, exactly; for what needs it. */
  readonly mapping?: string;
  /** The columns that a verdict of `ready` rests on. */
  readonly uses?: readonly string[];
}

/** Names that datasets use for the same thing, the usual one first. */
export const ASKED = [
  'instruction',
  'question',
  'query',
  'problem',
  'input',
  'user',
  'human',
] as const;
export const ANSWERED = [
  'output',
  'response',
  'answer',
  'completion',
  'solution',
  'target',
  'assistant',
] as const;

export const ready = (reason: string, ...uses: readonly string[]): Fit => ({
  fit: 'ready',
  reason,
  uses,
});
export const mapped = (reason: string, mapping: string): Fit => ({
  fit: 'needs mapping',
  reason,
  mapping,
});
export const no = (reason: string): Fit => ({ fit: 'no', reason });

type Test = (type: FeatureType) => boolean;

export const has = ({ types }: Columns, name: string, is: Test): boolean => {
  const type = types.get(name);
  return type !== undefined && is(type);
};
export const firstOf = (data: Columns, names: readonly string[], is: Test): string | undefined =>
  names.find((name) => has(data, name, is));

/** A list of `{role, content}`, as trainers take it. */
export const isMessages = (type: FeatureType | undefined): boolean => isStandard(chatFormOf(type));
/** A conversation in any form that can be turned into messages. */
export const isChat = (type: FeatureType | undefined): boolean => chatFormOf(type) !== undefined;
/** Several messages in any form. */
export const isDialogue = (type: FeatureType | undefined): boolean => {
  const form = chatFormOf(type);
  return form !== undefined && form.shape !== 'single';
};
export const isTurns = (type: FeatureType | undefined): boolean => isText(type) || isChat(type);

/** `messages = ...` for a column that holds a conversation in some form. */
export function messagesFrom({ types }: Columns, column: string): string {
  const form = chatFormOf(types.get(column));
  return form === undefined ? `row["${column}"]` : toMessages(form, `row["${column}"]`);
}

/** ` messages is list<string>.` for the columns that have a name that would fit, and a type that does not. */
export function unfit({ types }: Columns, names: readonly string[], fits: Test): string {
  const found = names.flatMap((name) => {
    const type = types.get(name);
    return type === undefined || fits(type) ? [] : [`${name} is ${short(renderFeatureType(type))}`];
  });
  return found.length === 0 ? '' : ` But ${found.join(', ')}.`;
}

const short = (text: string): string => (text.length > 120 ? `${text.slice(0, 119)}…` : text);
