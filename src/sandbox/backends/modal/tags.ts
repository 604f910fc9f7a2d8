/** The tags by which any machine with the same account finds a sandbox again. Tags are hints, not proof, and hold no secrets. */
import { createHash } from 'node:crypto';

export const TAG = {
  glovebox: 'glovebox',
  id: 'glovebox-id',
  owner: 'glovebox-owner',
  project: 'glovebox-project',
  op: 'glovebox-op',
  nonce: 'glovebox-nonce',
  port: 'glovebox-port',
  deadline: 'glovebox-deadline',
  generation: 'glovebox-generation',
} as const;

const digest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Tells people of one workspace apart without naming their token. */
export const ownerTag = (identity: string): string => digest(`owner:${identity}`);

/** Says that two sandboxes belong to one project without telling its path. */
export const projectTag = (projectDir: string): string => digest(`project:${projectDir}`);
