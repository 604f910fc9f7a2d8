import { describe, expect, it } from 'vitest';
import type { SandboxView } from '#sandbox/sandboxes.ts';
import { ownSandbox, type OwnPlaces } from './own-sandbox.ts';

const wait = { waitMs: 0, signal: new AbortController().signal, report: () => undefined };

const viewOf = (id: string): SandboxView => ({
  id,
  name: id,
  backend: 'slurm',
  projectDir: '/project',
  createdMs: 0,
  options: {},
  status: { id, state: 'queued', generation: 1 },
});

/** Says what was asked of it. */
function placesOf(
  backend: 'local' | 'slurm' | 'modal',
  living: readonly string[],
): { readonly places: OwnPlaces; readonly calls: readonly string[] } {
  const calls: string[] = [];
  const note = (call: string, id: string): SandboxView => {
    calls.push(call);
    return viewOf(id);
  };
  return {
    calls,
    places: {
      projectDir: '/project',
      startsUnasked: (id) => id === 'slurm',
      sandboxes: {
        defaultBackend: () => backend,
        ensureLocal: async (dir) => note(`ensureLocal ${dir}`, 'here'),
        list: async (filter) => {
          calls.push(`list ${JSON.stringify(filter)}`);
          return living.map(viewOf);
        },
        wait: async (id) => note(`wait ${id}`, id),
        create: async (request) => note(`create ${JSON.stringify(request)}`, 'new'),
      },
    },
  };
}

describe('the sandbox of a call that names none', () => {
  it('is the local one where no back end is configured', async () => {
    const { places, calls } = placesOf('local', []);
    expect((await ownSandbox(places, wait)).id).toBe('here');
    expect(calls).toEqual(['ensureLocal /project']);
  });

  it('is the living one of the configured back end, also while it is queued', async () => {
    const { places, calls } = placesOf('slurm', ['slurm-1']);
    expect((await ownSandbox(places, wait)).id).toBe('slurm-1');
    expect(calls).toEqual(['list {"projectDir":"/project","backend":"slurm"}', 'wait slurm-1']);
  });

  it('is started on a cluster, once for the project, and never on its login node', async () => {
    const { places, calls } = placesOf('slurm', []);
    expect((await ownSandbox(places, wait)).id).toBe('new');
    expect(calls[1]).toBe('create {"backend":"slurm","projectDir":"/project","once":"project"}');
  });

  it('is not started where that costs money, nor chosen among several', async () => {
    await expect(ownSandbox(placesOf('modal', []).places, wait)).rejects.toMatchObject({
      code: 'sandbox/unknown',
      hint: expect.stringContaining('sandbox_create(backend="modal"'),
    });
    const { places, calls } = placesOf('slurm', ['slurm-1', 'slurm-2']);
    await expect(ownSandbox(places, wait)).rejects.toMatchObject({
      code: 'input/invalid',
      message: expect.stringContaining('slurm-1 (queued), slurm-2 (queued)'),
    });
    expect(calls).toHaveLength(1);
  });
});
