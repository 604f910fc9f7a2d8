/** What runs in the sandbox: the fixed program that is its main process, and the JSON that tells it what to do. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import type { JsonObject } from '#core/json.ts';
import type { Layout } from './settings.ts';

/** Unpacks our Python files and becomes one of them. Fixed text: no value of anybody is ever put into it. */
const UNPACK = `
import base64, json, os, sys, zlib
folder = os.path.join(os.path.abspath(sys.argv[1]), "files")
os.makedirs(folder, exist_ok=True)
for name, text in json.loads(zlib.decompress(base64.b64decode(sys.argv[2]))).items():
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)
os.execv(sys.executable, [sys.executable, "-I", os.path.join(folder, sys.argv[3])])
`.trim();

export type Program = 'sandbox_entry.py' | 'fetch_models.py';

const FILES: Readonly<Record<Program, readonly string[]>> = {
  'sandbox_entry.py': ['sandbox_entry.py', 'serve.py'],
  'fetch_models.py': ['fetch_models.py'],
};

/** The command of a sandbox whose image holds nothing of ours but a Python. */
export async function commandFor(
  program: Program,
  { pythonDir, state }: { readonly pythonDir: string; readonly state: string },
): Promise<readonly string[]> {
  const texts = await Promise.all(
    FILES[program].map(
      async (name) => [name, await readFile(path.join(pythonDir, name), 'utf8')] as const,
    ),
  );
  const packed = deflateSync(JSON.stringify(Object.fromEntries(texts))).toString('base64');
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
  /** Places that the user of the kernels must be able to write. */
  readonly writable: readonly string[];
}

/** For `python/sandbox_entry.py`. Holds no secret. */
export function serverSpec(spec: ServerSpec): JsonObject {
  const { layout, idleS, emptyServerS, envNames, paths, writable } = spec;
  const { workspace, state, ip, port, user } = layout;
  return {
    workspace,
    state,
    env_names: [...envNames],
    paths: { ...paths },
    writable: [...writable],
    ...(user !== undefined && { user: { ...user } }),
    page_config: {
      disabledExtensions: {
        '@jupyterlab/lsp-extension': true,
        '@jupyterlab/apputils-extension:announcements': true,
      },
    },
    config: {
      ServerApp: {
        ip,
        port,
        port_retries: 0,
        open_browser: false,
        terminals_enabled: false,
        // The host name of a tunnel is not known before; the token is what protects it.
        allow_remote_access: true,
        allow_unauthenticated_access: false,
        authenticate_prometheus: true,
        limit_rate: false,
        websocket_ping_interval: 30,
        jpserver_extensions: {
          jupyterlab: true,
          jupyter_lsp: false,
          jupyter_server_terminals: false,
          notebook_shim: false,
        },
        shutdown_no_activity_timeout: idleS === 0 ? 0 : emptyServerS,
      },
      ZMQChannelsWebsocketConnection: { limit_rate: false },
      // We keep a connection open, so connected kernels must be ended too; running ones never.
      MappingKernelManager: {
        cull_idle_timeout: idleS,
        cull_interval: Math.min(60, Math.max(5, Math.round(idleS / 10))),
        cull_connected: true,
        cull_busy: false,
      },
      ContentsManager: { allow_hidden: true },
      FileContentsManager: { delete_to_trash: false },
      LabApp: {
        news_url: null,
        check_for_updates_class: 'jupyterlab.handlers.announcements.NeverCheckForUpdate',
        extension_manager: 'readonly',
      },
    },
  };
}
