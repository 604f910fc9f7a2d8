/** How long a session waits for a person or for a kernel that does not react; one place, so that a test can make it short. */

export interface SessionLimits {
  /** After the first interrupt, and after the second, until the code counts as ignoring them (C26). */
  readonly interruptMs: readonly [number, number];
  /** An `input()` that nobody answers is interrupted after this time (C27). */
  readonly inputMs: number;
  /** A look at the variables is interrupted after this time. */
  readonly inspectMs: number;
}

export const DEFAULT_LIMITS: SessionLimits = {
  interruptMs: [5_000, 10_000],
  inputMs: 300_000,
  inspectMs: 15_000,
};
