/** Facts about this machine for `glovebox doctor`. */
import { constants } from 'node:fs';
import { access, readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { DoctorProbes } from '#cli/host.ts';
import type { Environment } from '#config/environment.ts';
import { pathExists } from '#platform/files.ts';
import { measureDiskCache } from '#platform/web/disk-cache.ts';
import { findProgram } from '#platform/process.ts';
import { findKernelPython } from '../sandbox/backends/local/find-python.ts';
import {
  findEnvironmentWith,
  SERVER_REQUIREMENTS,
} from '../sandbox/backends/local/managed-environment.ts';
import { hasModule, probePython, versionText } from '../sandbox/backends/local/probe-python.ts';
import { hasCredentials } from '../sandbox/backends/modal/credentials.ts';
import { localSettings } from './local-settings.ts';
import { modalAccount } from './modal-account.ts';
import { modalSettings } from './modal-settings.ts';
import { credentialRule, webCacheDir } from './web-services.ts';

const PERMISSION_BITS = 0o777;

export function createDoctorProbes(env: Environment, projectDir: () => string): DoctorProbes {
  return {
    nodeVersion: process.version,
    platform: process.platform,

    async stateFolder(config) {
      const folder = config.get('dir');
      const existing = await nearestExisting(folder);
      const [isWritable, space, facts] = await Promise.all([
        canWrite(existing),
        statfs(existing).catch(() => undefined),
        stat(folder).catch(() => undefined),
      ]);
      return {
        path: folder,
        exists: facts !== undefined,
        isWritable,
        ...(facts !== undefined && { mode: facts.mode & PERMISSION_BITS }),
        ...(space !== undefined && { freeBytes: space.bavail * space.bsize }),
      };
    },

    async kernelPython(config, signal) {
      const settings = localSettings(config, env);
      const choice = await findKernelPython({}, settings, projectDir(), signal);
      if (choice.kind === 'found') {
        return {
          path: choice.python.executable,
          version: `Python ${versionText(choice.python)}`,
          reason: choice.source,
          hasIpykernel: hasModule(choice.python, 'ipykernel'),
        };
      }
      const requirements = [...SERVER_REQUIREMENTS, ...settings.packages];
      const managed = await findEnvironmentWith(envsDirOf(settings.dir), requirements);
      if (managed === undefined) {
        return {
          path: envsDirOf(settings.dir),
          version: 'A Python environment of its own',
          reason: 'made at the first start',
          hasIpykernel: true,
        };
      }
      const python = await probePython(managed, env, 'isolated', signal);
      return {
        path: managed,
        version: `Python ${versionText(python)}`,
        reason: "Glovebox's own environment",
        hasIpykernel: hasModule(python, 'ipykernel'),
      };
    },

    async managedEnvironment(config, signal) {
      const envsDir = envsDirOf(config.get('dir'));
      const interpreter = await findEnvironmentWith(envsDir, SERVER_REQUIREMENTS);
      if (interpreter === undefined) return { path: envsDir, state: 'absent' };
      try {
        const { modules } = await probePython(interpreter, env, 'isolated', signal);
        const version = modules['jupyter_server'];
        return version === undefined
          ? { path: interpreter, state: 'broken', detail: 'it has no jupyter_server' }
          : { path: interpreter, state: 'ready', detail: `jupyter_server ${version}` };
      } catch (error) {
        if (signal.aborted) throw error;
        return { path: interpreter, state: 'broken', detail: 'its Python does not run' };
      }
    },

    findProgram: (name) => findProgram(name, env['PATH']),

    async remoteServices(config) {
      const credentialFor = credentialRule(config);
      const services = [
        ['Hugging Face Hub', config.get('hub.endpoint')],
        ['GitHub', config.get('github.endpoint')],
        ['Semantic Scholar', config.get('papers.semantic_scholar')],
      ] as const;
      const tokens = services.map(async ([service, url]) => {
        const credential = await credentialFor(new URL(url));
        return { service, host: new URL(url).host, source: credential?.source };
      });
      return {
        tokens: await Promise.all(tokens),
        cacheBytes: await measureDiskCache(webCacheDir(config)),
      };
    },

    async modal(config) {
      const hasToken = await hasCredentials(modalSettings(config, env));
      return { hasToken, account: await modalAccount(env, config.get('dir')) };
    },

    async huggingface(config, signal) {
      const { probeHuggingface } = await import('./huggingface-probe.ts');
      return probeHuggingface(config, signal);
    },

    async damagedRecords(config) {
      const dir = config.get('dir');
      const files = await readdir(dir, { recursive: true }).catch((): string[] => []);
      return files.filter((file) => file.endsWith('.bad')).map((file) => path.join(dir, file));
    },
  };
}

const envsDirOf = (dir: string): string => path.join(dir, 'envs');

async function nearestExisting(folder: string): Promise<string> {
  if (await pathExists(folder)) return folder;
  const parent = path.dirname(folder);
  return parent === folder ? folder : nearestExisting(parent);
}

function canWrite(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}
