/** What runs in a rented machine: the fixed program that is its main process, and the JSON that tells it what to do. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { isRecord, type JsonObject } from '#core/json.ts';
import { toBase85 } from './base85.ts';
import { jupyterConfig, LAB_PAGE_CONFIG } from './jupyter-config.ts';
import { readKernelFiles } from './kernel-files.ts';
import type { Layout } from './layout.ts';
import { cullingConfig } from './limits.ts';

/** Unpacks our Python files and becomes one of them. Fixed text: no value of anybody is ever put into it. */
const UNPACK = `
import base64, json, os, sys, zlib
folder = os.path.join(os.path.abspath(sys.argv[1]), "files")
for name, text in json.loads(zlib.decompress(base64.b85decode(sys.argv[2]))).items():
    place = os.path.join(folder, name)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "w", encoding="utf-8") as file:
        file.write(text)
os.execv(sys.executable, [sys.executable, "-I", os.path.join(folder, sys.argv[3])])
`.trim();

export type Program = 'sandbox_entry.py' | 'job_entry.py' | 'fetch_models.py';

const SERVER_FILES = [
  'sandbox_entry.py',
  'serve.py',
  'offline_buffer.py',
  'handlers.py',
  'port_forward.py',
  'commit_volumes.py',
  'launch_kernel.py',
];
const FILES: Readonly<Record<Program, readonly string[]>> = {
  'sandbox_entry.py': SERVER_FILES,
  'job_entry.py': ['job_entry.py', 'equip.py', 'keep_outputs.py', ...SERVER_FILES],
  'fetch_models.py': ['fetch_models.py'],
};

/** The command of a machine whose image holds nothing of ours but a Python. */
export async function commandFor(
  program: Program,
  { pythonDir, state }: { readonly pythonDir: string; readonly state: string },
): Promise<readonly string[]> {
  const texts = await Promise.all(
    FILES[program].map(
      async (name) => [name, await readFile(path.join(pythonDir, name), 'utf8')] as const,
    ),
  );
  const ofKernels = program === 'fetch_models.py' ? {} : await readKernelFiles(pythonDir);
  const lib = Object.entries(ofKernels).map(([name, text]) => [`lib/${name}`, text] as const);
  const files = JSON.stringify(Object.fromEntries([...texts, ...lib]));
  const packed = toBase85(deflateSync(files, { level: 9 }));
  return ['python3', '-I', '-c', UNPACK, state, packed, program];
}

export interface ServerSpec {
  readonly layout: Layout;
  /** A kernel that runs nothing for so long is ended; 0 never. */
  readonly idleS: number;
  /** A server without kernels ends itself after that. */
  readonly emptyServerS: number;
  /** Variables that kernels get, beside harmless ones. */
  readonly envNames: readonly string[];
  /** Variables of kernels that hold a place inside. */
  readonly paths: Readonly<Record<string, string>>;
  /** What kernels are told of models. */
  readonly models: readonly JsonObject[];
  /** Folders that must hold complete weights. */
  readonly weights: readonly string[];
  /** Places that the user of the kernels must be able to write. */
  readonly writable: readonly string[];
  /** Mounts of volumes that are committed by `sync`, after use and at the end. */
  readonly commits?: readonly string[] | undefined;
  /** When the provider ends the machine, whatever runs. */
  readonly lifetimeS?: number | undefined;
  /** Where the Docker engine of the machine listens. */
  readonly containers?: string | undefined;
  /** Ports inside that are reached through the server. */
  readonly forwardPorts?: readonly number[] | undefined;
  /** A mount for what kernels download from the Hub; it is not used where it turns out to be unfit. */
  readonly hubCache?: string | undefined;
}

/** For `python/sandbox_entry.py`. Holds no secret. */
export function serverSpec(spec: ServerSpec): JsonObject {
  const { layout, envNames, paths, models, weights, writable, containers } = spec;
  const { workspace, state, user } = layout;
  return {
    workspace,
    state,
    env_names: [...envNames],
    paths: { ...paths },
    models: [...models],
    weights: [...weights],
    writable: [...writable],
    ...(user !== undefined && { user: { ...user } }),
    ...(spec.hubCache !== undefined && { hub_cache: spec.hubCache }),
    ...(containers !== undefined && { containers }),
    page_config: LAB_PAGE_CONFIG,
    config: rentedServer(spec),
  };
}

/** As everywhere, but for what makes a machine that costs money end by itself. */
function rentedServer({
  layout,
  idleS,
  emptyServerS,
  commits = [],
  lifetimeS = 0,
  forwardPorts = [],
}: ServerSpec): JsonObject {
  const { ip, port } = layout;
  const base = jupyterConfig({
    listen: { ip, port },
    // Token, folders and the right to be root are known inside only.
    token: '',
    rootDir: '',
    allowRoot: false,
    labDir: '',
    workspacesDir: '',
    idleMs: idleS === 0 ? 0 : emptyServerS * 1000,
    transport: 'ipc',
    forwardPorts,
  });
  return {
    ...base,
    ServerApp: {
      ...part(base, 'ServerApp'),
      // The host name of a tunnel is not known before; the token is what protects it.
      allow_remote_access: true,
      authenticate_prometheus: true,
      // Below the time after which the ways between cut what is silent.
      websocket_ping_interval: 30,
      websocket_ping_timeout: 30,
    },
    ...(commits.length > 0 && {
      SandboxServerApp: {
        ...part(base, 'SandboxServerApp'),
        commit_mounts: [...commits],
        lifetime_s: lifetimeS,
      },
    }),
    // We keep a connection open, so connected kernels must be ended too; running ones never.
    MappingKernelManager: {
      ...part(base, 'MappingKernelManager'),
      ...cullingConfig(idleS),
    },
  };
}

function part(config: JsonObject, name: string): JsonObject {
  const found = config[name];
  return isJsonObject(found) ? found : {};
}

const isJsonObject = (value: unknown): value is JsonObject => isRecord(value);
