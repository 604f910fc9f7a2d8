/** One started local server, for tests of what it is and is not. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Endpoint } from '#core/endpoint.ts';
import type { SandboxStatus } from '#sandbox/backend.ts';
import type { LocalSettings } from '#sandbox/backends/local/settings.ts';
import type { LocalRig } from '../rigs/local-backend.ts';
import { Caller, never } from './contract-rig.ts';

export interface Started {
  readonly caller: Caller;
  readonly status: SandboxStatus;
  readonly endpoint: Endpoint;
  readonly pid: number;
}

export async function start(
  rig: LocalRig,
  changes: Partial<LocalSettings> = {},
  options: object = {},
): Promise<Started> {
  const caller = callerWith(rig, options);
  const backend = rig.newBackend(changes);
  const status = await caller.start(backend);
  const endpoint = await backend.endpoint(caller.handle(), never());
  return { caller, status, endpoint, pid: rig.servers()[0]?.pid ?? -1 };
}

export function callerWith(rig: LocalRig, options: object = {}): Caller {
  return new Caller({
    projectDir: rig.projectDir,
    options,
    countAtEngine: async () => rig.servers().length,
  });
}

export const fetchText = async ({ baseUrl, headers }: Endpoint, where: string): Promise<string> =>
  (await fetch(`${baseUrl}${where}`, { headers })).text();

export async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
