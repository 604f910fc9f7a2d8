/** Gives kernels of this machine the packages, repositories and files that a sandbox was asked for, and leaves the user's own Python as it is. */
import path from 'node:path';
import { createLocalHost } from '#platform/local-host.ts';
import type { StartContext } from '#sandbox/backend.ts';
import {
  commitsOf,
  equip,
  placeEquipmentProgram,
  planEquipment,
  type Equipped,
} from '#sandbox/equipment.ts';
import { gitTokensOf } from '#sandbox/git-access.ts';
import type { SecretsByScope } from '#sandbox/kernel-variables.ts';
import type { KernelPython } from './find-python.ts';
import { installerEnvironment } from './managed-environment.ts';
import { serverFiles } from './server-record.ts';
import type { LocalOptions, LocalSettings } from './settings.ts';

interface Place {
  readonly settings: LocalSettings;
  readonly context: StartContext;
  readonly kernel: KernelPython;
  readonly serverPython: string;
  /** Of the server: the workspace. */
  readonly rootDir: string;
  readonly secrets: SecretsByScope;
}

/** @returns undefined when nothing was asked for. @throws as `planEquipment` and `equip`. */
export async function equipLocally(
  options: LocalOptions,
  { settings, context, kernel, serverPython, rootDir, secrets }: Place,
): Promise<Equipped | undefined> {
  const { id, projectDir, signal, report } = context;
  const { folder } = serverFiles(settings.dir, id);
  const tokens = { ...settings.gitTokens, ...gitTokensOf(secrets.download, settings.hubUrl) };
  const plan = { projectDir, workspace: rootDir, folder, tokens, signal };
  const equipment = await planEquipment(options, plan);
  if (equipment === undefined) return undefined;
  if (equipment.repositories.length > 0) await context.remember(commitsOf(equipment.repositories));
  const isManaged = kernel.kind === 'managed';
  // Modules that people keep beside their own interpreter count there, as they do in its kernels.
  const { PYTHONNOUSERSITE: alone = '1', ...env } = installerEnvironment(settings.environment);
  const place = {
    host: createLocalHost({ env: isManaged ? { ...env, PYTHONNOUSERSITE: alone } : env }),
    environments: path.join(settings.dir, 'environments'),
    pythonDir: settings.pythonDir,
    signal,
  };
  return equip(equipment, {
    ...place,
    ...(await placeEquipmentProgram(place)),
    python: isManaged ? serverPython : kernel.python.executable,
    workspace: rootDir,
    isOffline: settings.offline,
    tokens,
    variables: { ...secrets.build, ...secrets.setup },
    report,
  });
}
