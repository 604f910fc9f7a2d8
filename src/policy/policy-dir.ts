/** Where policy keeps what it must remember, below Glovebox's own folder. */
import path from 'node:path';

const policyDir = (dir: string): string => path.join(dir, 'policy');

export const ledgerFile = (dir: string): string => path.join(policyDir(dir), 'ledger.jsonl');
export const receiptsDir = (dir: string): string => path.join(policyDir(dir), 'receipts');
export const approvalsDir = (dir: string): string => path.join(policyDir(dir), 'approvals');
export const keyFile = (dir: string): string => path.join(policyDir(dir), 'receipt.key');
export const capsFile = (dir: string): string => path.join(policyDir(dir), 'budget.json');
export const pricesFile = (dir: string): string => path.join(policyDir(dir), 'prices.json');
export const identityFile = (dir: string): string => path.join(policyDir(dir), 'identity.json');
