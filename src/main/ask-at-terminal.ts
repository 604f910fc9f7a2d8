/** Asks the person at the terminal before a command changes something outside. */
import { createInterface } from 'node:readline/promises';
import type { AskPerson } from '#tools/authorize.ts';

/** The whole word, so that no habit of pressing a key says it. An end of the input is a no. */
export const askAtTerminal: AskPerson = async ({ question, facts }, signal) => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return 'unavailable';
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const text = `${[question, ...facts].join('\n')}\nType yes to do it: `;
    const answer = await Promise.race([terminal.question(text, { signal }), ended]);
    return answer.trim().toLowerCase() === 'yes' ? 'approved' : 'declined';
  } finally {
    terminal.close();
  }
};
