/** The leave to start several sandboxes: asked for once, with all of them, when it is known which of them are started. */
import type { Admission, Admit, PlannedStart } from './admission.ts';

/** @returns one for each, in their order. @throws whatever keeps them from being started; nothing is made then. */
export type AdmitAll = (starts: readonly PlannedStart[]) => Promise<readonly Admission[]>;

/** One of those that are asked for together. */
export interface JointMember {
  readonly admit: Admit;
  /** It is not started after all: the others wait for it no longer. Idempotent. */
  leave(): void;
}

interface Waiting {
  readonly start: PlannedStart;
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: unknown) => void;
}

/** Each member has to ask or to leave: until then all that asked are waiting. */
export function jointAdmission(count: number, admitAll: AdmitAll): readonly JointMember[] {
  const undecided = new Set(Array.from({ length: count }, (_, at) => at));
  const waiting = new Map<number, Waiting>();

  const decide = (at: number): void => {
    if (!undecided.delete(at) || undecided.size > 0 || waiting.size === 0) return;
    const all = [...waiting].toSorted(([a], [b]) => a - b).map(([, each]) => each);
    void hand(all, admitAll);
  };

  return [...undecided].map((at) => ({
    admit: (start) =>
      new Promise((resolve, reject) => {
        waiting.set(at, { start, resolve, reject });
        decide(at);
      }),
    leave: () => decide(at),
  }));
}

async function hand(all: readonly Waiting[], admitAll: AdmitAll): Promise<void> {
  try {
    const admissions = await admitAll(all.map(({ start }) => start));
    for (const [at, { resolve, reject }] of all.entries()) {
      const admission = admissions[at];
      if (admission === undefined) reject(new TypeError('fewer admissions than starts'));
      else resolve(admission);
    }
  } catch (error) {
    for (const { reject } of all) reject(error);
  }
}
