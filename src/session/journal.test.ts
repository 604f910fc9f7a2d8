/** Which runs stay in the journal. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { currentIdentity } from '#platform/process-identity.ts';
import type { RunRecord } from './contract.ts';
import { RunJournal } from './journal.ts';

const DAY_MS = 24 * 3_600_000;

it('R5: old runs of any session are swept, but those that may be carried on', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'glovebox-journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const journal = new RunJournal(dir);
  const add = (id: string, change: Partial<RunRecord>): void =>
    journal
      .create({
        version: 1,
        id,
        sessionId: `s-${id.split('-')[1] ?? ''}`,
        msgId: 'm',
        code: '1',
        insertedCell: false,
        storeHistory: true,
        generation: 1,
        owner: currentIdentity(),
        state: 'ok',
        createdMs: 0,
        saved: true,
        ...change,
      })
      .close();
  add('r-old-a', { endedMs: 0 });
  add('r-new-b', { endedMs: 2 * DAY_MS });
  add('r-live-c', { state: 'running', saved: false });
  add('r-gone-d', { state: 'running', saved: false });
  await journal.sweep(8 * DAY_MS, ({ sessionId }) => sessionId === 's-live');
  expect(readdirSync(path.join(dir, 'runs')).toSorted()).toEqual(['r-live-c', 'r-new-b']);
});
