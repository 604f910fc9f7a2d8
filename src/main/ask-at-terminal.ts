/** Asks the person at the terminal before a command changes something outside. */
import { createInterface } from 'node:readline/promises';
import type { AskPerson } from '#tools/authorize.ts';

/** The whole word, so that no habit of pressing a key says it. An end of the input is a no. */
export const askAtTerminal =
  (isRunByAgent: boolean): AskPerson =>
  async (question, signal) => {
    // A shell of an agent has a terminal now and then, and no person at it.
    if (isRunByAgent) return 'unavailable';
    const answer = await promptAtTerminal(`${question.text}\nType yes to do it: `, signal);
    if (answer === undefined) return 'unavailable';
    return answer.trim().toLowerCase() === 'yes' ? 'approved' : 'declined';
  };

/** What is typed, a line of it; undefined where there is no terminal. An end of the input is an empty line. */
export async function promptAtTerminal(
  text: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    return await Promise.race([terminal.question(text, { signal }), ended]);
  } finally {
    terminal.close();
  }
}
