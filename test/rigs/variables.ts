/** What the environment tells the tests, besides `GLOVEBOX_REQUIRE_ALL` (see `require.ts`). */

/** Further Node programs to run the bundle with: paths in `GLOVEBOX_TEST_NODES`, separated by colons. */
export const extraNodes: readonly string[] = (process.env['GLOVEBOX_TEST_NODES'] ?? '')
  .split(':')
  .filter((program) => program !== '');
