/** Calls a tool as a client and reads the answer. An error that the test did not ask for fails the test. */
import type { Client } from '@modelcontextprotocol/client';
import { expect } from 'vitest';

export interface Answer {
  /** All text blocks, joined by newlines. */
  readonly text: string;
  readonly images: readonly { readonly mimeType: string; readonly data: string }[];
  readonly meta: Readonly<Record<string, unknown>>;
}

export async function call(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<Answer> {
  const { answer, isError } = await ask(client, name, args);
  expect(isError, `${name} answered with an error: ${answer.text}`).toBe(false);
  return answer;
}

/** The text of a call that has to fail: `[code] message\nNext: hint`. */
export async function callError(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<string> {
  const { answer, isError } = await ask(client, name, args);
  expect(isError, `${name} should have failed and answered: ${answer.text}`).toBe(true);
  return answer.text;
}

async function ask(
  client: Client,
  name: string,
  args: Record<string, unknown>,
): Promise<{ readonly answer: Answer; readonly isError: boolean }> {
  const result = await client.callTool({ name, arguments: args }, { timeout: 120_000 });
  const { content, _meta: meta } = result;
  const text = content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
  const images = content.flatMap((block) =>
    block.type === 'image' ? [{ mimeType: block.mimeType, data: block.data }] : [],
  );
  return { answer: { text, images, meta: meta ?? {} }, isError: result.isError === true };
}

/** A value of the answer's `_meta` that has to be a text. */
export function idOf(answer: Answer, key: string): string {
  const value = answer.meta[key];
  if (typeof value !== 'string')
    throw new Error(`no ${key} in ${JSON.stringify(answer.meta)}: ${answer.text}`);
  return value;
}
