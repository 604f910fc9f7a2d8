/** `glovebox keep-alive` (M17): what it says, whom it asks, and that it does nothing unasked. */
import { describe, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { Quote } from '#sandbox/backend.ts';
import type { FilesFate } from '#session/replacement.ts';
import { runFake } from '../../../test/rigs/cli-host.ts';
import { fakeBackend, sandboxView, sessionView } from '../../../test/rigs/cli-objects.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const old = sandboxView(
  { deadlineMs: NOW + 12 * 60_000, usdPerHour: 2, paidSinceMs: NOW - 30 * 60_000 },
  { id: 'modal-probe-1', name: 'probe', backend: 'modal' },
);
const fresh = sandboxView({}, { id: 'modal-probe-2', name: 'probe', backend: 'modal' });
const quote: Quote = { usdPerHour: 2, ceilingUsd: 4, limitS: 7200, remarks: ['a remark'] };

function replacements(done: string[], files: FilesFate = 'snapshot') {
  return {
    plan: async ({ maxCostUsd }: { readonly maxCostUsd?: number | undefined }) => {
      if (maxCostUsd !== undefined && maxCostUsd < 4)
        throw new GloveboxError('sandbox/over-budget', 'It could cost $4.00.');
      const sessions = [sessionView({ sandboxId: old.id })];
      return { old, backend: fakeBackend, id: fresh.id, options: {}, files, sessions, quote };
    },
    replace: async (_plan: unknown, { withoutFiles }: { readonly withoutFiles?: unknown }) => {
      done.push(`replaced ${String(withoutFiles)}`);
      const notebookPath = '/project/notebooks/probe.ipynb';
      const sessions = [{ id: 's-new', notebookPath, before: 's-abc' }];
      return { sandbox: fresh, sessions, notes: ['brought home: outputs'] };
    },
  };
}

const run = (done: string[], words: readonly string[], typed?: string, files?: FilesFate) =>
  runFake(['keep-alive', ...words], {
    sandboxes: [old],
    replacements: replacements(done, files),
    ...(typed !== undefined && { typed }),
  });

describe('M17: keep-alive', () => {
  it('says when it ends, what it cost, what another one would cost, and does nothing unasked', async () => {
    const done: string[] = [];
    const { code, out, err } = await run(done, ['probe']);
    expect([code, done]).toEqual([0, []]);
    expect(out).toMatch(/Sandbox modal-probe-1 ends at 2026-01-02T\S+, in 1[12] min/);
    expect(out).toContain('cannot be moved');
    expect(out).toContain('cost: $2.00/h, about $1.00 so far');
    expect(out).toContain('price: $2.00/h\n  most it can cost: $4.00\n  a remark');
    expect(out).toContain('files: a snapshot of its disk');
    expect(out).toContain('/project/notebooks/probe.ipynb');
    expect(err).toContain('Nothing was done. --yes replaces it');
  });

  it('asks at a terminal, and takes nothing but yes for one', async () => {
    const done: string[] = [];
    const no = await run(done, ['modal-probe-1'], 'no');
    expect([no.code, done]).toEqual([1, []]);
    const yes = await run(done, [], 'yes');
    expect([yes.code, done]).toEqual([0, ['replaced true']]);
    expect(yes.out).toContain('Sandbox modal-probe-2 has taken the place of modal-probe-1');
    expect(yes.out).toContain('session s-new goes on with');
  });

  it('--yes agrees to the price and not to the loss of a disk; --json tells it to programs', async () => {
    const done: string[] = [];
    const { code, json } = await run(done, ['--yes', '--json'], undefined, 'lost');
    expect([code, done]).toEqual([0, ['replaced false']]);
    expect(json()).toMatchObject({
      sandbox: { sandbox_id: 'modal-probe-1' },
      replacement: { files: 'lost', usd_per_hour: 2, ceiling_usd: 4 },
      replaced_by: { sandbox_id: 'modal-probe-2' },
      sessions: [{ session_id: 's-new', before: 's-abc' }],
    });
    const asked = await run(done, ['--json'], 'yes');
    expect([done.length, asked.json()]).toMatchObject([1, { replacement: { files: 'snapshot' } }]);
    await run(done, ['--yes', '--without-files'], undefined, 'lost');
    expect(done).toEqual(['replaced false', 'replaced true']);
    const lost = await run([], [], undefined, 'lost');
    expect(lost.out).toContain('NOT taken along: modal cannot keep a disk');
  });

  it('does not replace it above --max-cost-usd', async () => {
    const done: string[] = [];
    const { code, err } = await run(done, ['--yes', '--max-cost-usd', '3']);
    expect([code, err, done]).toEqual([1, expect.stringContaining('could cost $4.00'), []]);
    expect((await run(done, ['--max-cost-usd', 'much'])).code).toBe(2);
  });
});
