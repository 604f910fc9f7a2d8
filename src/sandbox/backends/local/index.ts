/** The back end `local`: a Jupyter server on this machine, as a process of its own that outlives us. */
import { readdir } from 'node:fs/promises';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { childEnvironment } from '#platform/environment.ts';
import { readHostResources } from '#platform/host-resources.ts';
import { lifeOf } from '#platform/process-identity.ts';
import { defineBackend, type Backend, type SandboxHandle } from '#sandbox/backend.ts';
import { sandboxesFolder } from '#sandbox/records.ts';
import { endpointOf } from './endpoint.ts';
import { localOffers } from './offers.ts';
import { logTail } from './server-log.ts';
import { serverFiles, serverStore, type ServerStore } from './server-record.ts';
import { serverState } from './server-state.ts';
import { localOptions, type LocalContext } from './settings.ts';
import { startServer } from './start-server.ts';
import { stopServer } from './stop-server.ts';

/** Does no I/O: settings are read when something is asked. */
export function createLocalBackend(local: LocalContext): Backend {
  const store = (id: string): ServerStore => serverStore(local.settings().dir, id, local.clock);
  return defineBackend({
    id: 'local',
    summary: 'This machine, as your own user: free, at once, without isolation',
    needs: { anyCommand: ['python3', 'uv'] },
    options: localOptions,
    sharesHost: true,

    async offers(signal) {
      throwIfAborted(signal);
      return localOffers(local.settings().environment, signal);
    },

    start: (options, context) => startServer(options, context, local),

    state: (handle, signal) => serverState(handle, local, signal),

    async endpoint(handle, signal) {
      throwIfAborted(signal);
      const record = await store(handle.id).read();
      if (record === undefined || record.phase === 'ended') throw ended(handle.id);
      const { server } = record;
      if (server === undefined || record.readyMs === undefined) {
        throw new GloveboxError(
          'sandbox/pending',
          `The server of sandbox ${handle.id} is still starting.`,
          {
            hint: `sandbox_wait(sandbox_id="${handle.id}") waits for it.`,
          },
        );
      }
      const endpoint = await endpointOf(serverFiles(local.settings().dir, handle.id), record);
      if (endpoint !== undefined) return endpoint;
      if (lifeOf(server) === 'gone') throw ended(handle.id);
      throw new GloveboxError(
        'server/unreachable',
        `The token of sandbox ${handle.id} is lost, so nobody can talk to it.`,
        {
          hint: `sandbox_stop(sandbox_id="${handle.id}") ends it; its variables are lost then.`,
        },
      );
    },

    async logs(handle, lines, signal) {
      throwIfAborted(signal);
      return logTail(serverFiles(local.settings().dir, handle.id).log, lines);
    },

    stop: (handle, signal) => stopServer(handle.id, local, signal),

    async resources(handle, signal) {
      throwIfAborted(signal);
      const { dir, environment } = local.settings();
      const folders = handle === undefined ? [dir] : [handle.projectDir, dir];
      return readHostResources({ folders, env: childEnvironment(environment), signal });
    },

    async discover(projectDir, signal) {
      throwIfAborted(signal);
      const found: SandboxHandle[] = [];
      const names: string[] = await readdir(sandboxesFolder(local.settings().dir)).catch(() => []);
      for (const id of names.filter((name) => /^local-[a-z0-9-]+$/.test(name))) {
        const record = await store(id)
          .read()
          .catch(() => undefined);
        if (record?.projectDir !== projectDir || record.phase === 'ended') continue;
        const { generation, rootDir } = record;
        const { state } = await serverState({ id, generation }, local, signal);
        if (state === 'ended' || state === 'unknown') continue;
        found.push({ id, projectDir, generation, data: { rootDir } });
      }
      return found;
    },
  });
}

function ended(id: string): GloveboxError {
  return new GloveboxError(
    'sandbox/ended',
    `Sandbox ${id} has ended; variables in its kernels are lost.`,
    {
      hint: "start_notebook starts the project's local sandbox again.",
    },
  );
}
