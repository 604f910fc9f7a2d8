import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const isLongest = ({ moduleId }: TestSpecification): boolean =>
  moduleId.endsWith('test/faults/faults.test.ts');

/** The scripts of faults take half of the whole time: begun last, they would end alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

/** Nothing in these files outlives them: loading the modules once in each worker saves a third of their time. */
const together = { isolate: false, testTimeout: 30_000 };
/** No test, whatever it is about, may send a secret to another machine. */
const watched = { setupFiles: ['test/rigs/secret-watch.ts'] };
const slow = { ...watched, testTimeout: 60_000, hookTimeout: 240_000 };
/** Made before the tests and once: two workers that make the same environment would be in each other's way. */
const withPython = {
  ...slow,
  // Servers, kernels and clusters on two busy cores: once more, and the end of the run names what needed it.
  retry: 1,
  globalSetup: ['test/rigs/certificate.ts', 'test/rigs/python-setup.ts'],
};

export default defineConfig({
  test: {
    // CI has two cores. Tests of servers, kernels and clusters mostly wait: two at a time left more than half of them idle, and four took as
    // long as three, with more tests that ran out of their time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], ...watched, ...together } },
      {
        test: { name: 'hub', include: ['test/hub/**/*.test.ts'], ...watched, ...together },
      },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts'], ...withPython } },
      { test: { name: 'jupyter', include: ['test/jupyter/**/*.test.ts'], ...withPython } },
      { test: { name: 'ssh', include: ['test/ssh/**/*.test.ts'], ...withPython } },
      { test: { name: 'mcp', include: ['test/mcp/**/*.test.ts'], ...withPython } },
      { test: { name: 'faults', include: ['test/faults/**/*.test.ts'], ...withPython } },
      { test: { name: 'toolkit', include: ['test/toolkit/**/*.test.ts'], ...withPython } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...withPython } },
      {
        test: {
          name: 'slurm',
          include: ['test/slurm/**/*.test.ts'],
          ...withPython,
          // After all others: clusters, servers and kernels are many processes, which mostly wait.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: 'repository', include: ['test/*.test.ts'], ...slow } },
    ],
    coverage: { provider: 'v8', include: ['src/**'] },
  },
});
