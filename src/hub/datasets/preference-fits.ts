/** Whether a dataset says which answer is better, or which is good: for DPO, reward models and KTO. */
import { chatFormOf, describeForm } from './chat-forms.ts';
import { messagesIn, messagesInText } from './chat-messages.ts';
import {
  ASKED,
  firstOf,
  has,
  isChat,
  isDialogue,
  isMessages,
  isTurns,
  mapped,
  messagesFrom,
  no,
  ready,
  unfit,
  type Columns,
  type Fit,
  type Frequencies,
} from './columns.ts';
import { isBoolean, isWhole, renderFeatureType } from './feature-types.ts';

const GOOD = ['chosen_response', 'preferred', 'accepted', 'win', 'better', 'positive'];
const BAD = ['rejected_response', 'dispreferred', 'lose', 'worse', 'negative'];
const DIALOGUES = ['prompt', 'conversations', 'conversation', 'messages', 'history', 'context'];
const SIDES = ['chosen', 'rejected'] as const;

interface Pair {
  readonly good: string;
  readonly bad: string;
}

function pairOf(data: Columns): Pair | undefined {
  const good = firstOf(data, ['chosen', ...GOOD], isTurns);
  const bad = firstOf(data, ['rejected', ...BAD], isTurns);
  return good === undefined || bad === undefined ? undefined : { good, bad };
}

const isNamed = ({ good, bad }: Pair): boolean => good === 'chosen' && bad === 'rejected';
const wordOf = ({ types }: Columns, name: string): 'conversational' | 'plain' =>
  isChat(types.get(name)) ? 'conversational' : 'plain';
/** Both sides of one kind, and not as trainers take them. */
const isOddForm = (data: Columns, { good, bad }: Pair): boolean =>
  [good, bad].every((name) => has(data, name, isChat)) &&
  ![good, bad].every((name) => has(data, name, isMessages));

/** `chosen = ...; rejected = ...` for pairs of messages in another form. */
const sidesFrom = (data: Columns, { good, bad }: Pair): string =>
  `chosen = ${messagesFrom(data, good)}; rejected = ${messagesFrom(data, bad)}`;

function oddReason({ types }: Columns, { good, bad }: Pair): string {
  const form = chatFormOf(types.get(good));
  return `${good} and ${bad} are ${form === undefined ? 'messages' : describeForm(form)}, not lists of {role, content}.`;
}

export function dpoFit(data: Columns): Fit {
  const pair = pairOf(data);
  if (pair === undefined)
    return no(`No chosen and rejected answers to the same prompt.${unfit(data, SIDES, isTurns)}`);
  if (wordOf(data, pair.good) !== wordOf(data, pair.bad))
    return no(`${pair.good} and ${pair.bad} have different types.`);
  const parsed = parsedFrom(data, pair);
  if (parsed !== undefined) return parsed;
  if (isOddForm(data, pair)) {
    const before = firstOf(data, DIALOGUES, isDialogue);
    const prompt = before === undefined ? '' : `prompt = ${messagesFrom(data, before)}; `;
    return mapped(oddReason(data, pair), `${prompt}${sidesFrom(data, pair)}`);
  }
  if (!isNamed(pair)) {
    const asked = firstOf(data, ['prompt', ...ASKED], isTurns);
    const prompt = asked === undefined || asked === 'prompt' ? '' : `, "${asked}": "prompt"`;
    return mapped(
      `${pair.good} and ${pair.bad} are chosen and rejected under other names.`,
      `rename_columns({"${pair.good}": "chosen", "${pair.bad}": "rejected"${prompt}})`,
    );
  }
  const form = wordOf(data, 'chosen');
  if (has(data, 'prompt', isTurns)) return withPrompt(data, form);
  const asked = firstOf(data, ASKED, isTurns);
  if (asked !== undefined && wordOf(data, asked) === form) {
    return mapped(
      `${asked} is the prompt under another name.`,
      `rename_column("${asked}", "prompt")`,
    );
  }
  return ready(
    `chosen and rejected are there (${form}), with the prompt implied in both.`,
    ...SIDES,
  );
}

/** Rows say whether the answers hold the prompt once more, which training would then see twice. */
function withPrompt(data: Columns, form: 'conversational' | 'plain'): Fit {
  const { all, beginning } = promptsRepeated(data);
  const isRepeated = all > 0 && beginning === all;
  const where = `in every sampled row that could be compared (${all})`;
  if (wordOf(data, 'prompt') === form) {
    if (isRepeated && form === 'plain') {
      return mapped(
        `chosen and rejected begin with the prompt ${where}.`,
        'chosen = row["chosen"][len(row["prompt"]):]; rejected = row["rejected"][len(row["prompt"]):]',
      );
    }
    return ready(`prompt, chosen and rejected are there (${form}).`, 'prompt', ...SIDES);
  }
  if (form === 'plain') {
    return mapped(
      'prompt is a conversation, chosen and rejected are texts.',
      'chosen = [{"role": "assistant", "content": row["chosen"]}]; rejected likewise',
    );
  }
  const wrapped = 'prompt = [{"role": "user", "content": row["prompt"]}]';
  if (isRepeated) {
    return mapped(
      `prompt is a text; chosen and rejected are conversations that begin with it ${where}.`,
      'remove_columns("prompt")',
    );
  }
  if (all > 0 && beginning === 0) {
    return mapped(
      'prompt is a text; chosen and rejected are messages that do not hold it in any sampled row.',
      wrapped,
    );
  }
  return mapped(
    'prompt is a text, chosen and rejected are conversations, which usually begin with it.',
    `remove_columns("prompt") where chosen begins with the prompt (look at the sample), else ${wrapped}`,
  );
}

/** In how many rows both answers begin with the prompt, out of those in which that can be seen. */
function promptsRepeated({ rows }: Columns): { readonly all: number; readonly beginning: number } {
  const judged = rows.flatMap(({ prompt, chosen, rejected }): boolean[] => {
    if (typeof prompt !== 'string' || prompt.trim() === '') return [];
    const sides = [beginsWith(chosen, prompt), beginsWith(rejected, prompt)];
    return sides.includes(undefined) ? [] : [!sides.includes(false)];
  });
  return { all: judged.length, beginning: judged.filter(Boolean).length };
}

/** A text that begins with the prompt, or a conversation in which the user begins with it; undefined for neither. */
function beginsWith(cell: unknown, prompt: string): boolean | undefined {
  if (typeof cell === 'string') return cell.startsWith(prompt);
  const messages = messagesIn(cell);
  if (messages === undefined) return undefined;
  const asked = messages.find(({ role }) => role === 'user')?.['content'];
  return typeof asked === 'string' && asked.trim().startsWith(prompt.trim());
}

/** Texts that are JSON lists of messages in every sampled row. */
function parsedFrom(data: Columns, { good, bad }: Pair): Fit | undefined {
  const cells = data.rows.flatMap((row) => [row[good], row[bad]]).filter((cell) => isFilled(cell));
  if (cells.length === 0 || cells.some((cell) => messagesInText(cell) === undefined))
    return undefined;
  return {
    fit: 'needs parsing',
    reason: `${good} and ${bad} are texts that hold JSON lists of messages.`,
    mapping: `chosen = json.loads(row["${good}"]); rejected = json.loads(row["${bad}"])`,
  };
}

const isFilled = (cell: unknown): boolean => cell !== undefined && cell !== null;

export function rewardFit(data: Columns): Fit {
  const pair = pairOf(data);
  if (pair === undefined)
    return no(`No chosen and rejected answers.${unfit(data, SIDES, isTurns)}`);
  const parsed = parsedFrom(data, pair);
  if (parsed !== undefined) return parsed;
  if (isOddForm(data, pair)) return mapped(oddReason(data, pair), sidesFrom(data, pair));
  if (isNamed(pair))
    return ready(`chosen and rejected are there (${wordOf(data, 'chosen')}).`, ...SIDES);
  return mapped(
    `${pair.good} and ${pair.bad} are chosen and rejected under other names.`,
    `rename_columns({"${pair.good}": "chosen", "${pair.bad}": "rejected"})`,
  );
}

export function ktoFit(data: Columns): Fit {
  const { types } = data;
  const hasTurns = ['prompt', 'completion'].every((name) => has(data, name, isTurns));
  if (hasTurns && has(data, 'label', isBoolean))
    return ready(
      `prompt, completion and a boolean label are there.${balanceOf(data)}`,
      'prompt',
      'completion',
      'label',
    );
  const label = types.get('label');
  const isTwo = label?.kind === 'class' && label.names.length === 2;
  if (hasTurns && label !== undefined && (isWhole(label) || isTwo)) {
    return mapped(
      `label is ${renderFeatureType(label)}, not boolean.${balanceOf(data)}`,
      'label = bool(row["label"]) (look which number means good)',
    );
  }
  if (pairOf(data) !== undefined) {
    return mapped(
      'Pairs are there instead of single judged answers.',
      'two rows of each: {prompt, completion: chosen, label: True} and {prompt, completion: rejected, label: False}',
    );
  }
  return no(
    hasTurns ? 'There is no boolean label.' : 'No prompt and completion with a boolean label.',
  );
}

/** ` label: True 900, False 100.` Of the whole split, or else of the sample. */
function balanceOf({ rows, frequencies }: Columns): string {
  const whole = frequencies?.get('label') ?? [];
  if (whole.length > 0) return ` Balance of label: ${counts(whole)}.`;
  const found = new Map<string, number>();
  for (const { label } of rows) {
    const value = JSON.stringify(label);
    if (label !== undefined) found.set(value, (found.get(value) ?? 0) + 1);
  }
  return found.size === 0
    ? ''
    : ` Balance of label in ${rows.length} sampled rows: ${counts([...found])}.`;
}

const counts = (found: Frequencies): string =>
  found.map(([value, count]) => `${value} ${count.toLocaleString('en-US')}`).join(', ');
