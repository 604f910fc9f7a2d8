/** Who may use a session's stored connection id (C12, R9): one living process; every other one gets an id of its own. */
import { newUuid } from '#core/ids.ts';
import { currentIdentity, lifeOf, type ProcessIdentity } from '#platform/process-identity.ts';
import type { RecordStore } from '#platform/records.ts';
import type { SessionRecord } from './contract.ts';

export interface Lease {
  readonly connectionId: string;
  /** This process owns the session; it completes runs that an earlier owner left. */
  readonly isOwner: boolean;
}

export function isSelf(owner: ProcessIdentity): boolean {
  const self = currentIdentity();
  return (
    owner.pid === self.pid &&
    owner.startTime === self.startTime &&
    owner.bootId === self.bootId &&
    owner.host === self.host
  );
}

/** Nobody else alive holds it. A process of another host counts as alive: it cannot be asked. */
export function isFree(owner: ProcessIdentity): boolean {
  return isSelf(owner) || lifeOf(owner) === 'gone';
}

export function leaseOf(record: SessionRecord): Lease {
  return isFree(record.owner)
    ? { connectionId: record.connectionId, isOwner: true }
    : { connectionId: newUuid(), isOwner: false };
}

/**
 * Makes this process the owner of a session that nobody else alive has.
 *
 * @param change goes with it
 * @returns the record as it is then; its owner is another process where that was quicker
 */
export function claim(
  records: Pick<RecordStore<SessionRecord>, 'update'>,
  sessionId: string,
  change: Partial<SessionRecord> = {},
): Promise<SessionRecord> {
  const owner = currentIdentity();
  return records.update(sessionId, (current) =>
    isFree(current.owner) ? { ...current, ...change, owner } : current,
  );
}
