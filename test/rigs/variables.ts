/** What the environment tells the tests, besides `GLOVEBOX_REQUIRE_ALL` (see `require.ts`). */

/** Further Node programs to run the bundle with: paths in `GLOVEBOX_TEST_NODES`, separated by colons. */
export const extraNodes: readonly string[] = (process.env['GLOVEBOX_TEST_NODES'] ?? '')
  .split(':')
  .filter((program) => program !== '');

/** How many scripts of faults are played: `GLOVEBOX_FAULT_SEEDS`. */
export const faultSeedCount = Number(process.env['GLOVEBOX_FAULT_SEEDS'] ?? 30);

/** The first of their seeds: `GLOVEBOX_FAULT_SEED`. */
export const firstFaultSeed = Number(process.env['GLOVEBOX_FAULT_SEED'] ?? 1);

/** How often each of them is played, to catch what hangs on the operating system's mood: `GLOVEBOX_FAULT_TIMES`. */
export const faultTimes = Number(process.env['GLOVEBOX_FAULT_TIMES'] ?? 1);

/** Where the fault suite also puts its summary, so that it can be told at the end of a longer run: `GLOVEBOX_FAULT_SUMMARY`. */
export const faultSummaryFile = process.env['GLOVEBOX_FAULT_SUMMARY'];

/** `GLOVEBOX_TEST_WHOLE=1`: numbers and times as docs/acceptance.md has them, where every other run takes fewer of them. */
export const isWhole = process.env['GLOVEBOX_TEST_WHOLE'] === '1';
