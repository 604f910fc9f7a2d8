/** The back end `modal`: sandboxes with and without GPUs, rented by the second. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { defineBackend, type Backend, type SandboxHandle } from '#sandbox/backend.ts';
import { Connection } from './connection.ts';
import { addressOf, ended, endpointAt } from './endpoint.ts';
import { readLog } from './log.ts';
import { modalOffers } from './offers.ts';
import { modalOptions } from './options.ts';
import { quoteModal } from './prepare.ts';
import { modalResources } from './resources.ts';
import type { Listed } from './sdk.ts';
import { ratesFrom } from './rates.ts';
import type { ModalContext } from './settings.ts';
import { layoutFor, startModal } from './start.ts';
import { snapshotModal } from './snapshot.ts';
import { modalState } from './state.ts';
import { stopModal } from './stop.ts';
import { ownerTag, projectTag, TAG } from './tags.ts';

/** Does no I/O, and does not load the SDK: that happens when Modal is first asked. */
export function createModalBackend(modal: ModalContext): Backend {
  const connection = new Connection(modal);
  return defineBackend({
    id: 'modal',
    summary: 'Modal: machines with and without GPUs, rented by the second',
    needs: {},
    options: modalOptions,
    sharesHost: false,

    async offers(signal) {
      throwIfAborted(signal);
      return modalOffers(ratesFrom(connection.settings().prices));
    },

    async quote(options, { projectDir, signal }) {
      throwIfAborted(signal);
      const layout = await layoutFor(options, connection);
      return quoteModal(options, { connection, layout, projectDir, signal });
    },

    start: (options, context) => startModal(options, context, connection),

    state: (handle, signal) => modalState(handle, connection, signal),

    async endpoint(handle, signal) {
      throwIfAborted(signal);
      const record = await connection.store(handle.id).read();
      if (record?.phase === 'ended') throw ended(handle.id);
      const address = addressOf(record, handle.data);
      if (address !== undefined) return endpointAt(address, connection, signal);
      if (record === undefined) throw ended(handle.id);
      throw new GloveboxError('sandbox/pending', `Sandbox ${handle.id} is still starting.`, {
        hint: `sandbox_wait(sandbox_id="${handle.id}") waits for it.`,
      });
    },

    async logs(handle, lines, signal) {
      throwIfAborted(signal);
      const record = await connection.store(handle.id).read();
      const address = addressOf(record, handle.data);
      if (address === undefined) return record?.end?.logTail ?? [];
      return readLog(address.modalId, lines, connection, signal);
    },

    stop: (handle, signal) => stopModal(handle, connection, signal),

    async resources(handle, signal) {
      if (handle !== undefined) return modalResources(handle, connection, signal);
      throw new GloveboxError('backend/unavailable', 'Resources are those of one sandbox.', {
        hint: 'Name it: check_resources(sandbox_id=...).',
      });
    },

    snapshot: (handle, { ttlMs }, signal) => snapshotModal(handle, ttlMs, connection, signal),

    async discover(projectDir, signal) {
      throwIfAborted(signal);
      const sdk = await connection.sdk().catch((error: unknown) => {
        // Who has no account has no sandboxes there.
        if (isGloveboxError(error, 'remote/auth-required')) return undefined;
        throw error;
      });
      if (sdk === undefined) return [];
      const tags = {
        [TAG.glovebox]: '1',
        [TAG.owner]: ownerTag(sdk.identity),
        [TAG.project]: projectTag(projectDir),
      };
      const listed = await sdk.list(tags, signal);
      return listed.flatMap((sandbox) => handleFrom(sandbox, projectDir) ?? []);
    },
  });
}

/** What tags tell of a sandbox that no record names. */
function handleFrom({ id: modalId, tags }: Listed, projectDir: string): SandboxHandle | undefined {
  const id = tags[TAG.id];
  const nonce = tags[TAG.nonce];
  const op = tags[TAG.op];
  const port = Number(tags[TAG.port]);
  if (id === undefined || nonce === undefined || op === undefined || !(port > 0)) return undefined;
  const deadlineMs = Number(tags[TAG.deadline]) || 0;
  const generation = Number(tags[TAG.generation]) || 1;
  return { id, projectDir, generation, data: { modalId, nonce, op, port, deadlineMs } };
}
