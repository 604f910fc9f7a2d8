/** Sandboxes and sessions over the Modal back end of a rig, put together as the product does, without the rest of it. */
import path from 'node:path';
import { createNotebooks } from '#notebook/open-notebook.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { BackendRegistry } from '#sandbox/registry.ts';
import { Sandboxes } from '#sandbox/sandboxes.ts';
import { DEFAULT_LIMITS } from '#session/limits.ts';
import { createSessionRecords } from '#session/records.ts';
import { Replacements } from '#session/replace-sandbox.ts';
import { Sessions } from '#session/sessions.ts';
import { readPythonFile } from '#main/python-files.ts';
import type { ModalRig } from './modal-backend.ts';

export interface ModalWorld {
  readonly sandboxes: Sandboxes;
  readonly sessions: Sessions;
  readonly replacements: Replacements;
  close(): Promise<void>;
}

export function createModalWorld(rig: ModalRig): ModalWorld {
  const { dir, projectDir } = rig;
  const clock = systemClock;
  const log = silentLog;
  const backend = rig.newBackend();
  const sandboxes = new Sandboxes({
    registry: new BackendRegistry({ modal: async () => backend }),
    dir,
    clock,
    log,
    defaultBackend: () => 'modal',
  });
  const notebooks = createNotebooks({ locksDir: path.join(dir, 'locks'), clock, log });
  const sessions = new Sessions({
    dir,
    projectDir,
    sandboxes,
    notebooks,
    records: createSessionRecords(dir, clock, () => undefined),
    clock,
    log,
    isClosed: async () => false,
    inspectSource: () => readPythonFile('inspect_variables.py'),
    recallSource: () => readPythonFile('recall_execution.py'),
    beginSource: () => readPythonFile('begin_session.py'),
    settings: () => ({
      kernelReadyMs: 60_000,
      maxOutputBytes: 1_000_000,
      allowStdin: false,
      onCancel: 'interrupt',
      limits: DEFAULT_LIMITS,
    }),
  });
  const replacements = new Replacements({
    sandboxes,
    sessions,
    prepare: async () => undefined,
    begin: async () => undefined,
  });
  return {
    sandboxes,
    sessions,
    replacements,
    async close() {
      await sessions.close();
      await notebooks.closeAll();
      sandboxes.close();
    },
  };
}
