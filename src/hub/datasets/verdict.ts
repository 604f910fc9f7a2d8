/** Decides for which kinds of training a dataset is ready, and what would make it fit, from the types of its columns and sampled rows. */
import { messagesIn, messagesInText, KNOWN_ROLES, type Row } from './chat-messages.ts';
import {
  isBoolean,
  isConversations,
  isMessages,
  isText,
  isWhole,
  renderFeatureType,
  type FeatureType,
} from './feature-types.ts';

export const METHODS = ['SFT', 'DPO', 'reward model', 'KTO', 'GRPO'] as const;
export type Method = (typeof METHODS)[number];

export interface Verdict {
  readonly method: Method;
  readonly fit: 'ready' | 'needs mapping' | 'needs parsing' | 'no';
  /** One sentence. */
  readonly reason: string;
  /** How each row has to be changed, exactly; for what needs it. */
  readonly mapping?: string;
}

export interface Columns {
  readonly types: ReadonlyMap<string, FeatureType>;
  /** Rows as far as they were fetched; cells that the viewer shortened are left out of them. */
  readonly rows: readonly Row[];
}

/** `uses`: the columns that a verdict of `ready` rests on. */
type Fit = Omit<Verdict, 'method'> & { readonly uses?: readonly string[] };
type Rule = (data: Columns) => Fit;

/** Names that datasets use for the same thing, the usual one first. */
const ASKED = ['instruction', 'question', 'query', 'problem', 'input', 'user', 'human'] as const;
const ANSWERED = [
  'output',
  'response',
  'answer',
  'completion',
  'solution',
  'target',
  'assistant',
] as const;
const GOOD = ['chosen_response', 'preferred', 'accepted', 'win', 'better', 'positive'] as const;
const BAD = ['rejected_response', 'dispreferred', 'lose', 'worse', 'negative'] as const;
const CHATS = ['conversation', 'conversations', 'dialog', 'dialogue', 'chat', 'turns'] as const;
const TEXTS = ['content', 'document', 'article', 'body', 'passage', 'raw_content', 'code'] as const;
/** What rewards are usually computed from. */
const REWARDS =
  /^(answer|solution|ground_truth|gold\w*|label|target|reference\w*|final_answer|expected\w*|tests?|test_cases|unit_tests|reward\w*|score|verification_info|output)$/i;

export function judge(data: Columns): readonly Verdict[] {
  return METHODS.map((method) => {
    const { uses: _uses, ...fit } = confirmed(RULES[method](data), data);
    return { method, ...fit };
  });
}

const has = ({ types }: Columns, name: string, is: (type: FeatureType) => boolean): boolean => {
  const type = types.get(name);
  return type !== undefined && is(type);
};
const isTurns = (type: FeatureType): boolean => isText(type) || isMessages(type);
const firstOf = (
  data: Columns,
  names: readonly string[],
  is: (type: FeatureType) => boolean,
): string | undefined => names.find((name) => has(data, name, is));
const formOf = ({ types }: Columns, name: string): 'conversational' | 'plain' =>
  isMessages(types.get(name)) ? 'conversational' : 'plain';
const ready = (reason: string, ...uses: readonly string[]): Fit => ({ fit: 'ready', reason, uses });
const mapped = (reason: string, mapping: string): Fit => ({
  fit: 'needs mapping',
  reason,
  mapping,
});
const no = (reason: string): Fit => ({ fit: 'no', reason });

const sft: Rule = (data) => {
  const { types } = data;
  if (has(data, 'messages', isMessages))
    return ready('messages is a list of {role, content}.', 'messages');
  const pair = ['prompt', 'completion'] as const;
  if (pair.every((name) => has(data, name, isText)))
    return ready('prompt and completion are texts.', ...pair);
  if (pair.every((name) => has(data, name, isMessages)))
    return ready('prompt and completion are lists of messages.', ...pair);
  if (has(data, 'prompt', isText) && has(data, 'completion', isMessages)) {
    return mapped(
      'prompt is a text, completion a list of messages.',
      'messages = [{"role": "user", "content": row["prompt"]}] + row["completion"]',
    );
  }
  if (has(data, 'text', isText)) return ready('text is a string (language modelling).', 'text');
  const share = [...types].find(([, type]) => isConversations(type))?.[0];
  if (share !== undefined) {
    return mapped(
      `${share} has {from, value} instead of {role, content}.`,
      `messages = [{"role": {"human": "user", "gpt": "assistant"}.get(m["from"], m["from"]), "content": m["value"]} for m in row["${share}"]]`,
    );
  }
  const chat =
    firstOf(data, CHATS, isMessages) ??
    [...types].find(([name, type]) => !PAIRED.has(name) && isMessages(type))?.[0];
  if (chat !== undefined) {
    return mapped(
      `${chat} is a list of {role, content} under another name.`,
      `rename_column("${chat}", "messages")`,
    );
  }
  const parsed = parseable(data);
  if (parsed !== undefined) return parsed;
  return sftFromPairs(data);
};

/** Columns of preference data, which are no examples by themselves. */
const PAIRED: ReadonlySet<string> = new Set(['chosen', 'rejected', 'prompt', 'completion']);

function parseable({ types, rows }: Columns): Fit | undefined {
  for (const [name, type] of types) {
    if (!isText(type)) continue;
    const cells = rows.map((row) => row[name]).filter((cell) => typeof cell === 'string');
    const chats = cells.map(messagesInText);
    const first = chats[0];
    if (first === undefined || chats.some((chat) => chat === undefined)) continue;
    const isStandard = chats.flat().every((message) => message !== undefined && 'role' in message);
    return {
      fit: 'needs parsing',
      reason: `${name} is text that holds JSON lists of messages.`,
      mapping: isStandard
        ? `messages = json.loads(row["${name}"])`
        : `messages = [{"role": {"human": "user", "gpt": "assistant"}.get(m["from"], m["from"]), "content": m["value"]} for m in json.loads(row["${name}"])]`,
    };
  }
  return undefined;
}

function sftFromPairs(data: Columns): Fit {
  const asked = firstOf(data, ['prompt', ...ASKED], isText);
  const answered = firstOf(data, ANSWERED, isText);
  if (asked !== undefined && answered !== undefined && asked !== answered) {
    const context = firstOf(data, ['input', 'context'], isText);
    const question =
      context === undefined || context === asked
        ? `row["${asked}"]`
        : `row["${asked}"] + ("\\n\\n" + row["${context}"] if row["${context}"] else "")`;
    const names = [asked, ...(context === undefined || context === asked ? [] : [context])];
    return mapped(
      `${names.join(' + ')} and ${answered} are prompt and completion under other names.`,
      `prompt = ${question}; completion = row["${answered}"]`,
    );
  }
  if (has(data, 'chosen', isTurns)) {
    return mapped(
      'Only preference pairs are there; the chosen side can be learnt from.',
      has(data, 'chosen', isMessages)
        ? 'messages = row["chosen"]'
        : has(data, 'prompt', isText)
          ? 'completion = row["chosen"]'
          : 'text = row["chosen"]',
    );
  }
  const text = firstOf(data, TEXTS, isText);
  if (text !== undefined)
    return mapped(`${text} is a text under another name.`, `rename_column("${text}", "text")`);
  return no('No messages, no text, and no prompt with a completion among the columns.');
}

const dpo: Rule = (data) => {
  const pair = pairOf(data);
  if (pair === undefined) return no('No chosen and rejected answers to the same prompt.');
  if (pair.rename !== undefined) {
    const asked = firstOf(data, ['prompt', ...ASKED], isTurns);
    const prompt = asked === undefined || asked === 'prompt' ? '' : `, "${asked}": "prompt"`;
    return mapped(
      `${pair.good} and ${pair.bad} are chosen and rejected under other names.`,
      `rename_columns({"${pair.good}": "chosen", "${pair.bad}": "rejected"${prompt}})`,
    );
  }
  const sides = ['chosen', 'rejected'] as const;
  const form = formOf(data, 'chosen');
  if (form !== formOf(data, 'rejected')) return no('chosen and rejected have different types.');
  if (has(data, 'prompt', isTurns)) {
    if (formOf(data, 'prompt') === form)
      return ready(`prompt, chosen and rejected are there (${form}).`, 'prompt', ...sides);
    return form === 'conversational'
      ? mapped(
          'prompt is a text, chosen and rejected are conversations, which usually begin with it.',
          'remove_columns("prompt") where chosen begins with the prompt (look at the sample), else prompt = [{"role": "user", "content": row["prompt"]}]',
        )
      : mapped(
          'prompt is a conversation, chosen and rejected are texts.',
          'chosen = [{"role": "assistant", "content": row["chosen"]}]; rejected likewise',
        );
  }
  const asked = firstOf(data, ASKED, isTurns);
  if (asked !== undefined && formOf(data, asked) === form) {
    return mapped(
      `${asked} is the prompt under another name.`,
      `rename_column("${asked}", "prompt")`,
    );
  }
  return ready(
    `chosen and rejected are there (${form}), with the prompt implied in both.`,
    ...sides,
  );
};

function pairOf(
  data: Columns,
): { readonly good: string; readonly bad: string; readonly rename?: true } | undefined {
  if (has(data, 'chosen', isTurns) && has(data, 'rejected', isTurns))
    return { good: 'chosen', bad: 'rejected' };
  const good = firstOf(data, ['chosen', ...GOOD], isTurns);
  const bad = firstOf(data, ['rejected', ...BAD], isTurns);
  return good === undefined || bad === undefined ? undefined : { good, bad, rename: true };
}

const rewardModel: Rule = (data) => {
  const pair = pairOf(data);
  if (pair === undefined) return no('No chosen and rejected answers.');
  if (pair.rename === undefined)
    return ready(
      `chosen and rejected are there (${formOf(data, 'chosen')}).`,
      'chosen',
      'rejected',
    );
  return mapped(
    `${pair.good} and ${pair.bad} are chosen and rejected under other names.`,
    `rename_columns({"${pair.good}": "chosen", "${pair.bad}": "rejected"})`,
  );
};

const kto: Rule = (data) => {
  const { types } = data;
  const turns = ['prompt', 'completion'].every((name) => has(data, name, isTurns));
  if (turns && has(data, 'label', isBoolean))
    return ready(
      'prompt, completion and a boolean label are there.',
      'prompt',
      'completion',
      'label',
    );
  const label = types.get('label');
  const isTwo = label?.kind === 'class' && label.names.length === 2;
  if (turns && label !== undefined && (isWhole(label) || isTwo)) {
    return mapped(
      `label is ${renderFeatureType(label)}, not boolean.`,
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
    turns ? 'There is no boolean label.' : 'No prompt and completion with a boolean label.',
  );
};

const grpo: Rule = (data) => {
  const { types } = data;
  const rewards = [...types.keys()].filter((name) => REWARDS.test(name) && name !== 'prompt');
  const from =
    rewards.length === 0
      ? 'no column looks like a reference for a reward function'
      : `candidates for a reward: ${rewards.join(', ')}`;
  if (has(data, 'prompt', isTurns))
    return ready(`prompt is there (${formOf(data, 'prompt')}); ${from}.`, 'prompt');
  const asked = firstOf(data, ASKED, isTurns);
  if (asked !== undefined) {
    return mapped(
      `${asked} is the prompt under another name; ${from}.`,
      `rename_column("${asked}", "prompt")`,
    );
  }
  const chat = [...types].find(([, type]) => isMessages(type))?.[0];
  if (chat !== undefined) {
    return mapped(
      `Prompts are the beginnings of ${chat}; ${from}.`,
      `prompt = row["${chat}"] up to and with the last message of the user`,
    );
  }
  return no('No prompt, and no column that could be one.');
};

const RULES: Readonly<Record<Method, Rule>> = {
  SFT: sft,
  DPO: dpo,
  'reward model': rewardModel,
  KTO: kto,
  GRPO: grpo,
};

/** Types promise what rows have to keep. */
function confirmed(fit: Fit, data: Columns): Fit {
  if (fit.fit !== 'ready' || data.rows.length === 0) return fit;
  const used = fit.uses ?? [];
  const empty = used.filter((name) => {
    const cells = data.rows.filter((row) => name in row).map((row) => row[name]);
    return cells.length > 0 && cells.every(isEmpty);
  });
  if (empty.length > 0) {
    return no(
      `By its types it would fit, but ${empty.join(' and ')} is empty in all sampled rows.`,
    );
  }
  const strange = strangeRoles(used, data);
  if (strange.length === 0) return fit;
  return mapped(
    `${fit.reason} But its roles are not those of chat templates: ${strange.slice(0, 5).join(', ')}.`,
    'rename the roles to system, user, assistant and tool',
  );
}

function strangeRoles(used: readonly string[], { types, rows }: Columns): readonly string[] {
  const roles = used
    .filter((name) => isMessages(types.get(name)))
    .flatMap((name) => rows.flatMap((row) => messagesIn(row[name]) ?? []))
    .map(({ role }) => String(role));
  return [...new Set(roles)].filter((role) => !KNOWN_ROLES.has(role));
}

function isEmpty(cell: unknown): boolean {
  if (cell === null || cell === undefined) return true;
  if (typeof cell === 'string') return cell.trim() === '';
  return messagesIn(cell)?.length === 0;
}
