/** A sandbox in the place of another (M17): whichever step fails, one of the two is whole, and the other is gone or named. */
import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { Admit } from '#sandbox/admission.ts';
import { defineBackend, type Backend, type BackendId } from '#sandbox/backend.ts';
import type { SandboxView } from '#sandbox/sandboxes.ts';
import { sessionRecord } from '../../test/rigs/session-record.ts';
import type { SessionView } from './contract.ts';
import { Replacements } from './replace-sandbox.ts';

const never = (): AbortSignal => new AbortController().signal;
const wait = { waitMs: 1000, signal: never(), report: () => undefined };
const unused = () => Promise.reject(new Error('nobody asks for it'));

const backendOf = (id: BackendId, keepsFiles: boolean): Backend =>
  defineBackend({
    id,
    summary: 'pretends',
    needs: {},
    options: z.object({
      files: z.array(z.string()).optional(),
      ...(keepsFiles && { from_snapshot: z.string().optional() }),
    }),
    sharesHost: id === 'local',
    offers: async () => [],
    start: unused,
    state: unused,
    endpoint: unused,
    logs: unused,
    stop: unused,
    ...(keepsFiles && { snapshot: unused }),
  });

function viewOf(id: string, backend: BackendId, view: Partial<SandboxView> = {}): SandboxView {
  const status = { id, state: 'ready' as const, generation: 1 };
  const base = { id, name: id, backend, projectDir: '/p', createdMs: 0 };
  return { ...base, options: { files: ['a'] }, status, ...view };
}

const record = sessionRecord({ sandboxId: 'old' });
const session: SessionView = {
  id: 's-1',
  sandboxId: 'old',
  notebookPath: '/p/a.ipynb',
  kernelName: 'Python 3',
  kernelId: 'k',
  generation: 1,
  state: 'idle',
  ownsKernel: true,
  runs: [],
};

interface Changes {
  readonly backend?: Backend;
  readonly old?: Partial<SandboxView>;
  /** What lives under the id of the new one already. */
  readonly second?: SandboxView;
  /** Beginning of the calls that fail. */
  readonly fails?: readonly string[];
  readonly withoutSessions?: boolean;
}

/** Notes what is done. */
function world({ backend = backendOf('modal', true), fails = [], ...changes }: Changes = {}) {
  const calls: string[] = [];
  const did = async (call: string): Promise<void> => {
    calls.push(call);
    const failing = fails.find((one) => call.startsWith(one));
    if (failing !== undefined) throw new GloveboxError('server/error', `${failing} failed.`);
  };
  const { id } = backend;
  const own = changes.withoutSessions === true ? [] : [record];
  const replacements = new Replacements({
    sandboxes: {
      get: async (wanted) => {
        if (wanted === 'old') return viewOf('old', id, changes.old);
        if (changes.second !== undefined) return changes.second;
        throw new GloveboxError('sandbox/unknown', 'none');
      },
      backend: async () => backend,
      checkOptions: async (_id, options) => JSON.parse(JSON.stringify(options)),
      snapshot: async () => {
        await did('snapshot');
        return { snapshotId: 'im-1', remarks: [] };
      },
      create: async ({ onRecord, options }) => {
        onRecord?.('new');
        await did(`create ${JSON.stringify(options)}`);
        return viewOf('new', id);
      },
      stop: async (wanted) => {
        await did(`stop ${wanted}`);
        return { ...viewOf(wanted, id), notes: ['brought home'] };
      },
    },
    sessions: {
      list: async () => own.map(() => session),
      recordsIn: async () => own,
      endAllIn: async (wanted) => {
        await did(`end sessions of ${wanted}`);
        return [];
      },
      openInTurn: (_file, open) => open(),
      startFor: async (file) => {
        await did(`go on with ${file}`);
        throw new GloveboxError('kernel/start-failed', 'No kernel there.');
      },
      preload: unused,
      shutdown: unused,
      reopen: (ids) => did(`reopen ${ids.join(' ')}`),
    },
    prepare: (wanted) => did(`prepare ${wanted}`),
    begin: unused,
  });
  const admit: Admit = async ({ options }) => {
    await did(`admit ${JSON.stringify(options)}`);
    return { attach: async () => undefined, release: () => did('release') };
  };
  const replace = async (withoutFiles = false) => {
    const plan = await replacements.plan({ sandboxId: 'old' }, never());
    return replacements.replace(plan, { admit, withoutFiles }, wait);
  };
  return { calls, replace };
}

const START = 'create {"files":[],"from_snapshot":"im-1"}';

describe('M17: a replacement', () => {
  test('is asked for before anything is made, starts from the snapshot, and the old one ends last', async () => {
    const { calls, replace } = world({ withoutSessions: true });
    expect(await replace()).toMatchObject({ snapshotId: 'im-1', notes: ['brought home'] });
    const steps = ['admit {"files":[]}', 'snapshot', START, 'end sessions of old', 'stop old'];
    expect(calls).toEqual(steps);
  });

  test.each([
    ['admit', ['admit {"files":[]}']],
    ['snapshot', ['admit {"files":[]}', 'snapshot', 'release']],
    ['create', ['admit {"files":[]}', 'snapshot', START, 'end sessions of new', 'stop new']],
  ])('whose step %s fails leaves the old one and nothing of the new one', async (step, steps) => {
    const { calls, replace } = world({ fails: [step] });
    await expect(replace()).rejects.toMatchObject({ code: 'server/error' });
    expect(calls).toEqual(steps);
  });

  test('whose kernel does not start gives the old one its sessions back', async () => {
    const { calls, replace } = world();
    await expect(replace()).rejects.toMatchObject({
      code: 'kernel/start-failed',
      message: 'No kernel there. Sandbox old stays; new, which was to replace it, is gone.',
    });
    expect(calls.slice(3)).toEqual([
      'end sessions of old',
      'go on with /p/a.ipynb',
      'reopen s-1',
      'end sessions of new',
      'stop new',
    ]);
  });

  test('that cannot be ended is named, and so is an old one', async () => {
    const stuck = world({ fails: ['create', 'stop new'] });
    await expect(stuck.replace()).rejects.toMatchObject({
      code: 'sandbox/stop-failed',
      message: expect.stringContaining('And new, which was to replace old, could not be ended'),
      hint: expect.stringContaining('glovebox stop new'),
    });
    const old = world({ fails: ['stop old'], withoutSessions: true });
    await expect(old.replace()).rejects.toMatchObject({
      code: 'sandbox/stop-failed',
      message: expect.stringContaining('Sandbox new is ready'),
      hint: 'glovebox stop old tries again.',
    });
    expect(old.calls).not.toContain('stop new');
  });

  test('without a snapshot takes somebody who agrees that the disk is lost', async () => {
    const backend = backendOf('huggingface', false);
    const asked = world({ backend, withoutSessions: true });
    await expect(asked.replace()).rejects.toMatchObject({
      code: 'input/invalid',
      message: expect.stringContaining('cannot keep a disk'),
      hint: expect.stringContaining('--without-files'),
    });
    expect(asked.calls).toEqual([]);
    const agreed = world({ backend, withoutSessions: true });
    await agreed.replace(true);
    expect(agreed.calls).toContain('create {"files":["a"]}');
    expect(agreed.calls).toContain('prepare new');
    const cluster = world({ backend: backendOf('slurm', false), withoutSessions: true });
    await cluster.replace();
    expect(cluster.calls).not.toContain('prepare new');
  });

  test('is refused where there is nothing to replace, and where one lives already', async () => {
    const status = { id: 'old', generation: 1 };
    const cases: readonly (readonly [Changes, string])[] = [
      [{ old: { status: { ...status, state: 'ended' } } }, 'sandbox/ended'],
      [{ old: { status: { ...status, state: 'queued' } } }, 'sandbox/pending'],
      [{ old: { status: { ...status, state: 'unreachable' } } }, 'server/unreachable'],
      [{ backend: backendOf('local', false) }, 'input/invalid'],
      [{ second: viewOf('new', 'modal') }, 'input/invalid'],
    ];
    for (const [changes, code] of cases) {
      const { calls, replace } = world(changes);
      await expect(replace()).rejects.toMatchObject({ code });
      expect(calls).toEqual([]);
    }
  });
});
