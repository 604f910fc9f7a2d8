/** Whose sandboxes a program ends. */
import { expect, test } from 'vitest';
import type { SandboxView } from '#sandbox/sandboxes.ts';
import { endSandbox, type EndCall } from './end-sandbox.ts';

const view: SandboxView = {
  id: 'modal-x',
  name: 'modal-x',
  backend: 'modal',
  projectDir: '/theirs',
  createdMs: 0,
  options: {},
  status: { id: 'modal-x', state: 'ended', generation: 1 },
  notes: ['brought home'],
};

function callIn(projectDir: string, calls: string[]): EndCall {
  return {
    signal: new AbortController().signal,
    engine: {
      projectDir,
      sandboxes: {
        origin: async () => ({ projectDir: '/theirs', backend: 'modal' }),
        stop: async (id) => {
          calls.push(`stop ${id}`);
          return view;
        },
      },
      sessions: {
        endAllIn: async (id) => {
          calls.push(`end sessions of ${id}`);
          return [];
        },
      },
    },
  };
}

test('SEC13: one of another project takes force; one of its own does not', async () => {
  const calls: string[] = [];
  await expect(endSandbox('modal-x', false, callIn('/ours', calls))).rejects.toMatchObject({
    code: 'sandbox/not-owned',
    hint: expect.stringContaining('terminate({ force: true })'),
  });
  expect(calls).toEqual([]);
  await endSandbox('modal-x', true, callIn('/ours', calls));
  expect(await endSandbox('modal-x', false, callIn('/theirs', calls))).toEqual({
    notebooks: [],
    notes: ['brought home'],
  });
  const ended = ['end sessions of modal-x', 'stop modal-x'];
  expect(calls).toEqual([...ended, ...ended]);
});
