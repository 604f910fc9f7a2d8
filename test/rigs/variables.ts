/** The environment variables of the tests themselves, in one place. */

/** `1` where everything a test may need must be there: its absence is then a failure instead of a visible skip. */
export const requireAll = process.env['GLOVEBOX_REQUIRE_ALL'] === '1';

/** Further Node programs to run the bundle with, separated by colons. */
export const extraNodes: readonly string[] = (process.env['GLOVEBOX_TEST_NODES'] ?? '')
  .split(':')
  .filter((program) => program !== '');
