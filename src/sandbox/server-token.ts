/** Makes the token of a rented Jupyter server, so that every machine with the account's credentials can make it again. */
import { createHmac, randomBytes } from 'node:crypto';

export const newNonce = (): string => randomBytes(16).toString('hex');

/** The nonce is public; without the account's secret it says nothing. */
export function deriveToken(accountSecret: string, nonce: string): string {
  return createHmac('sha256', accountSecret).update(`glovebox:jupyter:${nonce}`).digest('hex');
}
