/** The product, a client whose person agrees, and a fake Hub whose Jobs are processes that find a stand-in for uv. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Consent } from '#tools/authorize.ts';
import { addJobs, type FakeJobs } from '../fakes/hub/fake-jobs.ts';
import { addAccount } from '../fakes/hub/fake-repo.ts';
import { TEST_TOKENS, TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { clientWhoIs, type Asked } from '../rigs/asked.ts';
import { startResearch, type ResearchWorld } from '../rigs/research-world.ts';

/** Writes down what it was called with, says what uv says, and runs the script. */
const UV = `#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
with open(os.path.join(os.environ["HOME"], "uv.json"), "w") as file:
    json.dump(words, file)
at = next(at for at, word in enumerate(words) if word.endswith(".py"))
print("Resolved 2 packages in 5ms\\nDownloading numpy\\nInstalled 2 packages in 3ms", flush=True)
os.execvp("python3", ["python3", *words[at:]])
`;

export interface JobsWorld extends ResearchWorld, Asked {
  readonly fake: FakeJobs;
  /** The words that uv was called with by the newest Job. */
  uvWords(): readonly string[];
}

export async function startJobsWorld(
  consent: Consent = 'approved',
  env: Readonly<Record<string, string>> = {},
): Promise<JobsWorld> {
  const world = await startResearch({ env: { ...TOKEN_ENV, ...env } });
  addAccount(world.services, 'me', ['org']);
  const bin = mkdtempSync(path.join(tmpdir(), 'fake-uv-'));
  writeFileSync(path.join(bin, 'uv'), UV);
  chmodSync(path.join(bin, 'uv'), 0o755);
  const fake = addJobs(world.services.hub, {
    token: TEST_TOKENS.hub,
    namespaces: ['me', 'org'],
    environment: { PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` },
  });
  onTestFinished(async () => {
    await fake.close();
    rmSync(bin, { recursive: true, force: true });
  });
  return {
    ...world,
    ...(await clientWhoIs(world, consent)),
    fake,
    uvWords() {
      const words: unknown = JSON.parse(
        readFileSync(path.join(fake.newest().root, 'uv.json'), 'utf8'),
      );
      return Array.isArray(words) ? words.map(String) : [];
    },
  };
}
