/** Lets nothing happen without a person, not even what policy finds free: so that a test sees every question with its facts. */
import { GloveboxError } from '#core/errors.ts';
import { renderQuestion } from '#policy/prompt.ts';
import type { Grant } from '#policy/contract.ts';
import type { Authorize } from '#tools/authorize.ts';

export const NOTHING_SPENT: Grant = {
  attach: async () => undefined,
  release: async () => undefined,
};

export const askAlways: Authorize = async (operation, { ask, signal }) => {
  const consent = await ask({ operation, text: renderQuestion(operation, []) }, signal);
  if (consent === 'approved') return NOTHING_SPENT;
  const code = consent === 'declined' ? 'policy/refused' : 'policy/needs-approval';
  throw new GloveboxError(code, `${consent}: ${operation.question} Nothing was changed.`);
};
