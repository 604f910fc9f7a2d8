/** The labels by which any machine with the same account finds a sandbox again. They are hints, not proof, and hold no secrets. */
import { createHash } from 'node:crypto';

/** Keys and values are letters, digits, dots, dashes and underscores, at most 100 of them. */
export const LABEL = {
  glovebox: 'glovebox',
  id: 'glovebox-id',
  owner: 'glovebox-owner',
  project: 'glovebox-project',
  op: 'glovebox-op',
  nonce: 'glovebox-nonce',
  port: 'glovebox-port',
  deadline: 'glovebox-deadline',
  generation: 'glovebox-generation',
  name: 'name',
} as const;

const digest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Tells people of one organisation apart. */
export const ownerLabel = (account: string): string => digest(`owner:${account}`);

/** Says that two sandboxes belong to one project without telling its path. */
export const projectLabel = (projectDir: string): string => digest(`project:${projectDir}`);
