/** The configuration of every Jupyter server that Glovebox starts, whichever machine it runs on. */
import type { JsonObject } from '#core/json.ts';
import { cullingConfig, EMPTY_SERVER_S } from './limits.ts';

export interface JupyterSettings {
  /** Where it listens and how it is addressed: `ip` and `port`, or `sock`. */
  readonly listen: JsonObject;
  readonly token: string;
  readonly rootDir: string;
  /** A server that nobody uses for so long ends itself; 0 never. */
  readonly idleMs: number;
  /** A kernel that runs nothing for so long ends, and with the last one the server. Default: never. */
  readonly kernelIdleS?: number;
  /** When the server ends, whatever runs, in milliseconds since the epoch. Default: never. */
  readonly deadlineMs?: number | undefined;
  readonly transport: 'ipc' | 'tcp';
  readonly allowRoot: boolean;
  /** A person's theme and shortcuts of JupyterLab, for all sandboxes of the machine. */
  readonly labDir: string;
  readonly workspacesDir: string;
  /** Variables of kernels that stand in no file but this one, which is read once. */
  readonly kernelSecrets?: Readonly<Record<string, string>>;
  /** Ports of its machine that are reached through it, with its credentials: `portPath` says where. Default: none. */
  readonly forwardPorts?: readonly number[];
  /** By their port: files with a cookie that is added to what goes there, and that no browser sees. */
  readonly forwardCookies?: Readonly<Record<string, string>>;
}

/** For a private JSON file: it holds the token, and secrets of kernels. Classes that a version of Jupyter does not know are accepted by it. */
export function jupyterConfig(settings: JupyterSettings): JsonObject {
  const { listen, token, rootDir, idleMs, transport, allowRoot, labDir, workspacesDir } = settings;
  const { forwardCookies = {} } = settings;
  const { forwardPorts = [], kernelIdleS = 0, deadlineMs, kernelSecrets = {} } = settings;
  const emptyMs = kernelIdleS > 0 ? EMPTY_SERVER_S * 1000 : idleMs;
  const ours = {
    ...(Object.keys(kernelSecrets).length > 0 && { kernel_secrets: { ...kernelSecrets } }),
    ...(forwardPorts.length > 0 && { forward_ports: [...forwardPorts] }),
    ...(Object.keys(forwardCookies).length > 0 && { forward_cookies: { ...forwardCookies } }),
    ...(deadlineMs !== undefined && { deadline: Math.ceil(deadlineMs / 1000) }),
  };
  return {
    ...(Object.keys(ours).length > 0 && { SandboxServerApp: ours }),
    ServerApp: {
      ...listen,
      port_retries: 0,
      base_url: '/',
      // Else its page there tells everybody that there is a server.
      default_url: '/lab',
      root_dir: rootDir,
      open_browser: false,
      allow_root: allowRoot,
      terminals_enabled: false,
      // Without contact, all kernels idle: see serve.py.
      shutdown_no_activity_timeout: Math.ceil(emptyMs / 1000),
      // What Jupyter offers else is not needed for a notebook, and makes the start slower.
      jpserver_extensions: {
        jupyterlab: true,
        jupyter_lsp: false,
        jupyter_server_terminals: false,
        notebook_shim: false,
      },
      limit_rate: false,
      allow_remote_access: false,
      allow_unauthenticated_access: false,
    },
    // An environment of the user may bring collaborative documents. What is written to the file of an open one is lost to the
    // document in the server's memory; without them an editor saves files, and versions of files are merged.
    YDocExtension: { disable_rtc: true },
    IdentityProvider: { token },
    // By default output above 1 MB/s is dropped (it was measured that 5 MB of print became 321 characters).
    ZMQChannelsWebsocketConnection: { limit_rate: false },
    KernelManager: { transport },
    // How often the server looks whether its kernels live, in seconds. By default a death is news for up to three.
    KernelRestarter: { time_to_dead: 1 },
    MappingKernelManager: {
      // Unless somebody asked for it, idle kernels are never culled one by one.
      ...(kernelIdleS > 0 ? cullingConfig(kernelIdleS) : { cull_idle_timeout: 0 }),
      untracked_message_types: UNTRACKED,
    },
    ContentsManager: { allow_hidden: true },
    FileContentsManager: { delete_to_trash: false },
    LabApp: {
      // No requests to the network, and no question to the person.
      news_url: null,
      check_for_updates_class: 'jupyterlab.handlers.announcements.NeverCheckForUpdate',
      extension_manager: 'readonly',
      user_settings_dir: labDir,
      workspaces_dir: workspacesDir,
    },
  };
}

/** Where a forwarded port is, below the base address of the server. */
export const portPath = (port: number): string => `glovebox/ports/${port}/`;

/** For `labconfig/page_config.json` in the server's configuration folder. */
export const LAB_PAGE_CONFIG: JsonObject = {
  disabledExtensions: {
    // JupyterLab would ask for a language server that does not run here.
    '@jupyterlab/lsp-extension': true,
    // It asks every person whether they want news, whatever `news_url` says.
    '@jupyterlab/apputils-extension:announcements': true,
  },
};

/**
 * The messages that do not count as use of a kernel. The server's default lacks the last ones; with those counted, asking a kernel for its
 * memory while a cell runs would make it look idle.
 */
const UNTRACKED = [
  ...requestsAndReplies(
    'comm_info kernel_info shutdown interrupt debug input usage create_subshell delete_subshell list_subshell',
  ),
  'stream',
  'display_data',
  'update_display_data',
  'execute_input',
  'execute_result',
  'error',
  'status',
  'clear_output',
  'debug_event',
  'iopub_welcome',
];

function requestsAndReplies(names: string): readonly string[] {
  return names.split(' ').flatMap((name) => [`${name}_request`, `${name}_reply`]);
}
