/** Decides what happens when a piece that a test needs is not on this machine: a visible skip, or a failure. */

/**
 * For `describe.skipIf(isMissing(...))`. Says on standard error what is missing and how to get it. With
 * `GLOVEBOX_REQUIRE_ALL=1`, as in continuous integration, a missing piece throws instead, and so fails the file.
 */
export function isMissing(piece: string, present: boolean, howToGet: string): boolean {
  if (present) return false;
  const text = `${piece} is not on this machine. ${howToGet}`;
  if (process.env['GLOVEBOX_REQUIRE_ALL'] === '1') throw new Error(text);
  process.stderr.write(`skipped: ${text}\n`);
  return true;
}
