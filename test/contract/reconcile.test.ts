/** What runs at a provider and what is on record are put side by side: found again, ended when it is overdue, ended for sure. */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import type { Backend } from '#sandbox/backend.ts';
import { reconcile } from '#sandbox/reconcile.ts';
import { BackendRegistry } from '#sandbox/registry.ts';
import { Sandboxes } from '#sandbox/sandboxes.ts';
import { ServerError, Status } from '../fakes/modal/fake-modal.mjs';
import {
  isCertificateMissing,
  makeModalRig,
  MARKED,
  type ModalRig,
} from '../rigs/modal-backend.ts';
import { failureOf, never } from './contract-rig.ts';

const withoutCertificate = isCertificateMissing();

let rig: ModalRig;
beforeEach(async () => {
  rig = await makeModalRig();
});
afterEach(() => rig.dispose());

const VARIABLES = { MODAL_TOKEN_ID: 'ak-test' };

function service(backend: Backend = rig.newBackend({ variables: VARIABLES })): Sandboxes {
  return new Sandboxes({
    registry: new BackendRegistry({ modal: async () => backend }),
    dir: rig.dir,
    clock: systemClock,
    log: silentLog,
    defaultBackend: () => 'modal',
  });
}

const look = (sandboxes: Sandboxes, clock = systemClock): Promise<void> =>
  reconcile({ sandboxes, projectDir: rig.projectDir, clock, log: silentLog }, never());

/** Refuses the next requests to end a machine. */
function refuseToEnd(count: number): void {
  let left = count;
  rig.fake.faults.before = (method) => {
    if (!method.startsWith('sandboxTerminate') || left === 0) return;
    left -= 1;
    throw new ServerError(Status['PERMISSION_DENIED'], 'not now');
  };
}

describe.skipIf(withoutCertificate)('after the loss of the registry', () => {
  test('L14, M15, acceptance 53: three are found with age, cost and deadline; an end is confirmed, retried and reported; an overdue one is ended', async () => {
    const before = Date.now();
    const first = service();
    const wait = { waitMs: 50_000, signal: never(), report: () => undefined };
    for (const name of ['one', 'two', 'three']) {
      const view = await first.create(
        {
          backend: 'modal',
          projectDir: rig.projectDir,
          name,
          options: { ...MARKED, cache_volume: false },
          admit: async () => ({ attach: async () => {}, release: async () => {} }),
        },
        wait,
      );
      expect(view.status.state).toBe('ready');
    }
    rmSync(rig.dir, { recursive: true });

    const sandboxes = service();
    await look(sandboxes);
    const found = await sandboxes.list({}, never());
    expect(found.map(({ id }) => id.replace(/-[^-]+$/, '')).toSorted()).toEqual([
      'modal-one',
      'modal-three',
      'modal-two',
    ]);
    for (const { status, createdMs } of found) {
      expect(status.state).toBe('ready');
      expect(status.usdPerHour).toBeGreaterThan(0);
      expect(status.deadlineMs).toBeGreaterThan(before + 3_600_000);
      expect(createdMs).toBeGreaterThanOrEqual(before);
      expect(createdMs).toBeLessThan(Date.now());
    }
    // Nothing is doubled by a second look.
    await look(sandboxes);
    expect(await sandboxes.list({}, never())).toHaveLength(3);

    const [one, two] = found.map(({ id }) => id);
    refuseToEnd(2);
    expect((await sandboxes.stop(one ?? '', never())).status.state).toBe('ended');
    expect(rig.fake.alive()).toHaveLength(2);

    refuseToEnd(Number.POSITIVE_INFINITY);
    const impatient = service(rig.newBackend({ variables: VARIABLES }, { limits: { endMs: 300 } }));
    const failure = await failureOf(impatient.stop(two ?? '', never()));
    expect(failure).toMatchObject({
      code: 'sandbox/stop-failed',
      message: expect.stringMatching(/Modal sandbox sb-\w+ could not be seen to end and may cost/),
      hint: expect.stringContaining('https://modal.com/apps'),
    });
    expect(rig.fake.alive()).toHaveLength(2);
    refuseToEnd(0);
    expect((await sandboxes.stop(two ?? '', never())).status.state).toBe('ended');

    // Longer than any lifetime later.
    const later = { ...systemClock, now: () => Date.now() + 2 * 86_400_000 };
    await look(sandboxes, later);
    expect(rig.fake.alive()).toEqual([]);
    expect(await sandboxes.list({}, never())).toEqual([]);
  });

  test('M15: who has no account is not asked, and a provider that cannot be asked stops nobody', async () => {
    const variables = { MODAL_CONFIG_PATH: `${rig.dir}/no-modal.toml` };
    const stranger = service(rig.newBackend({ variables }));
    await look(stranger);
    expect(rig.fake.calls).toEqual([]);
    rig.fake.faults.before = () => {
      throw new ServerError(Status['PERMISSION_DENIED'], 'nothing today');
    };
    await look(service());
    expect(rig.fake.calls.length).toBeGreaterThan(0);
  });
});
