import { defineConfig } from 'vitest/config';

const slow = { testTimeout: 60_000, hookTimeout: 240_000 };

export default defineConfig({
  test: {
    // Two cores are what CI has, and kernels want some of them too.
    maxWorkers: 2,
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts'], ...slow } },
      { test: { name: 'jupyter', include: ['test/jupyter/**/*.test.ts'], ...slow } },
      { test: { name: 'mcp', include: ['test/mcp/**/*.test.ts'], ...slow } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...slow } },
      { test: { name: 'repository', include: ['test/*.test.ts'], ...slow } },
    ],
    coverage: { provider: 'v8', include: ['src/**'] },
  },
});
