/** Whether a dataset holds examples to learn from: conversations, texts, or questions with answers. */
import { chatFormOf, describeForm, nestedChat, toMessages } from './chat-forms.ts';
import { messagesInText } from './chat-messages.ts';
import {
  ANSWERED,
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
} from './columns.ts';
import { isText } from './feature-types.ts';

const CHATS = ['messages', 'conversation', 'conversations', 'dialog', 'dialogue', 'chat', 'turns'];
const TEXTS = ['content', 'document', 'article', 'body', 'passage', 'raw_content', 'code'];
/** Columns of preference data, which are no examples by themselves. */
const PAIRED: ReadonlySet<string> = new Set(['chosen', 'rejected', 'prompt', 'completion']);
const ITS_OWN = ['messages', 'conversations', 'prompt', 'completion', 'text'];

export function sftFit(data: Columns): Fit {
  if (has(data, 'messages', isMessages))
    return ready('messages is a list of {role, content}.', 'messages');
  const pair = ['prompt', 'completion'] as const;
  if (pair.every((name) => has(data, name, isText)))
    return ready('prompt and completion are texts.', ...pair);
  if (pair.every((name) => has(data, name, isMessages)))
    return ready('prompt and completion are lists of messages.', ...pair);
  if (has(data, 'prompt', isText) && has(data, 'completion', isChat)) {
    return mapped(
      'prompt is a text, completion a list of messages.',
      `messages = [{"role": "user", "content": row["prompt"]}] + ${messagesFrom(data, 'completion')}`,
    );
  }
  if (has(data, 'text', isText)) return ready('text is a string (language modelling).', 'text');
  return (
    fromChat(data) ??
    fromJson(data) ??
    fromNested(data) ??
    fromPair(data) ??
    fromPreferences(data) ??
    fromText(data) ??
    no(
      `No messages, no text, and no prompt with a completion among the columns.${tokenized(data)}${unfit(data, ITS_OWN, isTurns)}`,
    )
  );
}

function fromChat(data: Columns): Fit | undefined {
  const { types } = data;
  const chat =
    firstOf(data, CHATS, isDialogue) ??
    [...types].find(([name, type]) => !PAIRED.has(name) && isDialogue(type))?.[0];
  const form = chatFormOf(types.get(chat ?? ''));
  if (chat === undefined || form === undefined) return undefined;
  return isMessages(types.get(chat))
    ? mapped(
        `${chat} is a list of {role, content} under another name.`,
        `rename_column("${chat}", "messages")`,
      )
    : mapped(
        `${chat} is ${describeForm(form)} instead of a list of {role, content}.`,
        `messages = ${messagesFrom(data, chat)}`,
      );
}

/** All that is there has to be JSON: one row that is none would stop the training. */
function fromJson({ types, rows }: Columns): Fit | undefined {
  for (const [name, type] of types) {
    if (!isText(type)) continue;
    const cells = rows.map((row) => row[name]).filter((cell) => typeof cell === 'string');
    const chats = cells.map(messagesInText);
    if (chats.length === 0 || chats.some((chat) => chat === undefined)) continue;
    const isRole = chats.flat().every((message) => message !== undefined && 'role' in message);
    const form = { keys: isRole ? 'role' : 'from', shape: 'list' } as const;
    return {
      fit: 'needs parsing',
      reason: `${name} is text that holds JSON lists of messages.`,
      mapping: `messages = ${toMessages(form, `json.loads(row["${name}"])`)}`,
    };
  }
  return undefined;
}

function fromNested({ types }: Columns): Fit | undefined {
  const chat = nestedChat(types);
  if (chat === undefined) return undefined;
  const messages = `messages = ${toMessages(chat.form, chat.place)}`;
  return chat.severalIn === undefined
    ? mapped(`${chat.name} is ${describeForm(chat.form)}, inside of a struct.`, messages)
    : mapped(
        `${chat.name} holds several conversations in each row, each ${describeForm(chat.form)}.`,
        `one row for each item of row["${chat.severalIn}"]: ${messages}`,
      );
}

function fromPair(data: Columns): Fit | undefined {
  const asked = firstOf(data, ['prompt', ...ASKED], isText);
  const answered = firstOf(data, ANSWERED, isText);
  if (asked === undefined || answered === undefined || asked === answered) return undefined;
  const context = firstOf(data, ['input', 'context'], isText);
  const isAlone = context === undefined || context === asked;
  const question = isAlone
    ? `row["${asked}"]`
    : `row["${asked}"] + ("\\n\\n" + row["${context}"] if row["${context}"] else "")`;
  const names = isAlone ? [asked] : [asked, context];
  return mapped(
    `${names.join(' + ')} and ${answered} are prompt and completion under other names.`,
    `prompt = ${question}; completion = row["${answered}"]`,
  );
}

function fromPreferences(data: Columns): Fit | undefined {
  if (!has(data, 'chosen', isTurns)) return undefined;
  return mapped(
    'Only preference pairs are there; the chosen side can be learnt from.',
    has(data, 'chosen', isDialogue)
      ? `messages = ${messagesFrom(data, 'chosen')}`
      : has(data, 'chosen', isText)
        ? has(data, 'prompt', isText)
          ? 'completion = row["chosen"]'
          : 'text = row["chosen"]'
        : `completion = ${messagesFrom(data, 'chosen')}, after a prompt that is a list of messages too`,
  );
}

function fromText(data: Columns): Fit | undefined {
  const text = firstOf(data, TEXTS, isText);
  return text === undefined
    ? undefined
    : mapped(`${text} is a text under another name.`, `rename_column("${text}", "text")`);
}

const tokenized = ({ types }: Columns): string =>
  types.has('input_ids')
    ? ' input_ids are tokens already: they fit the one tokenizer that they were made with.'
    : '';
