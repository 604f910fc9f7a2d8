/** Names the volume that holds the weights of a repository. Loads nothing: a hook looks for volumes too. */
import { createHash } from 'node:crypto';

const MAX_VOLUME_NAME = 63;

/** One volume per repository, with a name that Modal accepts. */
export function volumeName(repository: string): string {
  const name = `gbx-model--${repository.replace('/', '--')}`;
  if (name.length <= MAX_VOLUME_NAME) return name;
  const hash = createHash('sha256').update(repository).digest('hex').slice(0, 8);
  return `${name.slice(0, 45)}--${hash}`;
}
