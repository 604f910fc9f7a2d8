/** Does again what a session began with (imports, hidden code, variables) in a kernel process that Jupyter started by itself. */
import { newUuid } from '#core/ids.ts';
import type { KernelChannel } from '#jupyter/contract.ts';
import type { SessionBeginning } from './contract.ts';
import { pythonCall } from './python-call.ts';

/** @param source the text of `python/begin_session.py` */
export const beginningCode = (
  source: string,
  { imports, initCode, env = {} }: SessionBeginning,
): string =>
  pythonCall(source, { imports, init_code: initCode, env }, { glovebox_namespace: 'globals()' });

/**
 * Sends it once, as a request that leaves no cell, no number and no history. The queue of the session waits meanwhile.
 *
 * @param died resolves when that process has ended, too: the next one gets nothing, or code that kills a kernel would do so for ever
 * @returns what the next answer says about it
 */
export async function beginAgain(
  channel: KernelChannel,
  code: string,
  died: Promise<void>,
): Promise<string> {
  const request = { msgId: newUuid(), code, silent: true, storeHistory: false };
  const execution = channel.execute(request, { onMessage: () => undefined });
  try {
    const reply = await Promise.race([execution.finished, died]);
    if (reply === undefined)
      return 'The new kernel ended while the imports and init_code of this session ran in it; the one after it has none of them.';
    if (reply.status === 'ok') return 'The imports and init_code of this session ran again in it.';
    const { name, value } = reply.error ?? { name: reply.status, value: '' };
    return `The imports and init_code of this session failed in it, and what they make is missing: ${name}: ${value}`;
  } finally {
    execution.release();
  }
}
