/** Whether a dataset holds prompts that a model can be rewarded for answering. */
import { isStandard, chatFormOf, nestedChat, toMessages } from './chat-forms.ts';
import {
  ASKED,
  firstOf,
  has,
  isChat,
  isDialogue,
  isTurns,
  mapped,
  messagesFrom,
  no,
  ready,
  unfit,
  type Columns,
  type Fit,
} from './columns.ts';

/** What rewards are usually computed from. */
const REWARDS =
  /^(answer|solution|ground_truth|gold\w*|label|target|reference\w*|final_answer|expected\w*|tests?|test_cases|unit_tests|reward\w*|score|verification_info|output)$/i;

export function grpoFit(data: Columns): Fit {
  const { types } = data;
  const rewards = [...types.keys()].filter((name) => REWARDS.test(name) && name !== 'prompt');
  const from =
    rewards.length === 0
      ? 'no column looks like a reference for a reward function'
      : `candidates for a reward: ${rewards.slice(0, 8).join(', ')}`;
  if (has(data, 'prompt', isTurns)) {
    const form = chatFormOf(types.get('prompt'));
    if (form !== undefined && !isStandard(form))
      return mapped(
        `prompt is a conversation in another form; ${from}.`,
        `prompt = ${messagesFrom(data, 'prompt')}`,
      );
    const word = form === undefined ? 'plain' : 'conversational';
    return ready(`prompt is there (${word}); ${from}.`, 'prompt');
  }
  const asked = firstOf(data, ASKED, isTurns);
  if (asked !== undefined) {
    return has(data, asked, isChat)
      ? mapped(`${asked} is the prompt; ${from}.`, `prompt = ${messagesFrom(data, asked)}`)
      : mapped(
          `${asked} is the prompt under another name; ${from}.`,
          `rename_column("${asked}", "prompt")`,
        );
  }
  const chat =
    firstOf(data, ['messages', 'conversations'], isDialogue) ??
    [...types].find(([, type]) => isDialogue(type))?.[0];
  const nested = chat === undefined ? nestedChat(types) : undefined;
  const place =
    chat !== undefined
      ? messagesFrom(data, chat)
      : nested === undefined
        ? undefined
        : toMessages(nested.form, nested.place);
  if (place !== undefined) {
    const each = nested?.severalIn;
    return mapped(
      `Prompts are the beginnings of ${chat ?? nested?.name}; ${from}.`,
      `${each === undefined ? '' : `one row for each item of row["${each}"]: `}prompt = ${place} up to and with the last message of the user`,
    );
  }
  return no(`No prompt, and no column that could be one.${unfit(data, ['prompt'], isTurns)}`);
}
