/** N8: what was written for keeps comes home before a sandbox is gone, and nothing that goes wrong there holds up its end. */
import { expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createBringHome, type OutputsOptions } from './outputs.ts';
import type { TransferRequest } from './project-transfer.ts';

const { signal } = new AbortController();
const pulled: TransferRequest[] = [];
const PULLED = {
  sandboxId: 'modal-x',
  localPath: '/project/outputs/modal-x',
  remotePath: '/workspace/outputs',
  isFolder: true,
  files: 2,
  bytes: 2048,
  unchanged: 0,
  sha256: '',
  leftOut: [],
  changed: [],
};

function bringHome(
  facts: {
    options?: Record<string, string | null>;
    rootDir?: string;
    project?: string;
    isThere?: boolean;
    isLost?: boolean;
  } = {},
  pull: OutputsOptions['transfer']['pull'] = async () => PULLED,
): Promise<readonly string[]> {
  pulled.length = 0;
  const work = createBringHome({
    sandboxes: {
      async optionsOf() {
        if (facts.isLost === true) throw new Error('its record cannot be read');
        return facts.options ?? {};
      },
      serverRootDir: async () => facts.rootDir,
      origin: async () => ({ projectDir: facts.project ?? '/project', backend: 'modal' }),
    },
    transfer: {
      pull: (request, wait) => {
        pulled.push(request);
        return pull(request, wait);
      },
    },
    projectDir: '/project',
    clock: createManualClock(),
    exists: async () => facts.isThere ?? true,
  });
  return work('modal-x', signal);
}

it('goes to a folder of the sandbox, and says where', async () => {
  expect(await bringHome()).toEqual(['brought home: outputs/modal-x (2 files, 2 KiB)']);
  expect(pulled).toMatchObject([{ remotePath: 'outputs', localPath: 'outputs/modal-x' }]);
  await bringHome({ options: { outputs: 'runs/final' } });
  expect(pulled).toMatchObject([{ remotePath: 'runs/final', localPath: 'runs/final/modal-x' }]);
});

it.each([
  ['nobody wants it', { options: { outputs: null } }],
  ['it is at home', { rootDir: '/project' }],
  ['it is of another project', { project: '/other' }],
  ['there is none', { isThere: false }],
])('does nothing where %s', async (_why, facts) => {
  expect(await bringHome(facts)).toEqual([]);
  expect(pulled).toEqual([]);
});

it('tells what was in the way, and fails with nothing', async () => {
  const failing = (code: ConstructorParameters<typeof GloveboxError>[0]) =>
    bringHome({}, () => Promise.reject(new GloveboxError(code, 'That is 120 MiB in 3 files.')));
  expect(await failing('input/too-large')).toEqual([
    'outputs was not brought home: That is 120 MiB in 3 files.',
  ]);
  expect(await bringHome({ isLost: true })).toEqual([
    'What was written was not brought home: its record cannot be read',
  ]);
  // What nobody may see does not come to where everybody can.
  expect(await failing('sandbox/closed')).toEqual([]);
});
