/** The back end `modal`: sandboxes with and without GPUs, rented by the second. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { defineBackend, type Backend, type SandboxHandle } from '#sandbox/backend.ts';
import { believeProvider } from '#sandbox/rented/believe-provider.ts';
import { rentedLife } from '#sandbox/rented/life.ts';
import { handleFromMarks, marksOfProject } from '#sandbox/rented/marks.ts';
import { commitVolumes } from './commit-volumes.ts';
import { Connection } from './connection.ts';
import { hasCredentials } from './credentials.ts';
import { modalOffers } from './offers.ts';
import { modalOptions } from './options.ts';
import { quoteModal } from './prepare.ts';
import { modalResources } from './resources.ts';
import { ratesFrom } from './rates.ts';
import type { ModalContext } from './settings.ts';
import { layoutFor, startModal } from './start.ts';
import { snapshotModal } from './snapshot.ts';

/** Does no I/O, and does not load the SDK: that happens when Modal is first asked. */
export function createModalBackend(modal: ModalContext): Backend {
  const connection = new Connection(modal);
  const life = rentedLife(connection.provider);
  return defineBackend({
    ...life,
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

    async stop(handle, signal) {
      await commitVolumes(handle, connection, signal);
      await life.stop(handle, signal);
    },

    async resources(handle, signal) {
      if (handle !== undefined) return modalResources(handle, connection, signal);
      throw new GloveboxError('backend/unavailable', 'Resources are those of one sandbox.', {
        hint: 'Name it: check_resources(sandbox_id=...).',
      });
    },

    snapshot: (handle, { ttlMs }, signal) => snapshotModal(handle, ttlMs, connection, signal),

    isInUse: () => hasCredentials(modal.settings()),

    async discover(projectDir, signal) {
      throwIfAborted(signal);
      const sdk = await connection.sdk().catch((error: unknown) => {
        // Who has no account has no sandboxes there.
        if (isGloveboxError(error, 'remote/auth-required')) return undefined;
        throw error;
      });
      if (sdk === undefined) return [];
      const listed = await sdk.list(marksOfProject(sdk.identity, projectDir), signal);
      const found: SandboxHandle[] = [];
      for (const { id, tags: marks } of listed) {
        const handle = handleFromMarks({ id, marks }, projectDir);
        if (handle !== undefined && (await believeProvider(handle, connection.provider, signal)))
          found.push(handle);
      }
      return found;
    },
  });
}
