/** Options that mean the same on every back end, because what honours them lies above all of them. */
import * as z from 'zod';
import { isRecord } from '#core/json.ts';

/**
 * - `notebook`: everything.
 * - `shell`: commands and files only. Its Jupyter server is the way in and nothing more: no notebook is started there.
 * - `scoped`: agents may call the functions that a program of the experimenter exposes, and do nothing else.
 */
export const SANDBOX_MODES = ['notebook', 'shell', 'scoped'] as const;
export type SandboxMode = (typeof SANDBOX_MODES)[number];

const DEFAULT_OUTPUTS = 'outputs';
const DEFAULT_PRELOAD_S = 3600;
const DEFAULT_RPC_S = 600;

const tagText = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/);
const MAX_TAGS = 8;

/** Of a name that Glovebox marks its machines with nobody could tell what it means. */
const tagsOption = z
  .record(tagText, tagText)
  .superRefine((tags, context) => {
    const no = (path: readonly string[], message: string): void =>
      context.addIssue({ code: 'custom', path: [...path], message });
    if (Object.keys(tags).length > MAX_TAGS) no([], `must not be more than ${MAX_TAGS}`);
    for (const tag of Object.keys(tags))
      if (tag.startsWith('glovebox')) no([tag], 'begins with glovebox, which is reserved');
  })
  .optional()
  .describe(
    'Own tags, at most 8; lists show them and filter by them, and a provider that knows tags or labels gets them.',
  );

/** Without defaults of their own: what a sandbox was asked for stays as short as it was written. */
export const commonOptions = {
  mode: z
    .enum(SANDBOX_MODES)
    .optional()
    .describe(
      'notebook: everything; shell: commands and files, no notebooks; scoped: agents may call exposed functions and do nothing else. Default: notebook.',
    ),
  outputs: z
    .string()
    .regex(/^(?![/~-])(?!.*(^|\/)\.\.?(\/|$))[^\0\\]{1,200}$/, 'must be a folder of the workspace')
    .nullable()
    .optional()
    .describe(
      'Folder of the workspace whose files are brought into the project when the sandbox is stopped and before its time limit, where the sandbox has a file system of its own. Default: outputs; null is none.',
    ),
  tags: tagsOption,
  preload_timeout_seconds: z
    .int()
    .min(10)
    .max(86_400)
    .optional()
    .describe('How long the models may take to load into a kernel. Default: 3600.'),
  rpc_timeout_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .describe('How long a call of an exposed function may take. Default: 600.'),
  rpc_port: z
    .int()
    .min(1024)
    .max(65_535)
    .optional()
    .describe(
      'Port inside, on loopback, of the first interface of exposed functions that is served. Default: any that is free, as for all others.',
    ),
} as const;

/** Of back ends whose server is ours from its first byte. */
export const portsOption = z
  .array(z.int().min(1).max(65_535))
  .max(16)
  .refine((ports) => new Set(ports).size === ports.length, 'names a port twice')
  .optional()
  .describe(
    'Ports inside that are reached through the server, below glovebox/ports/PORT/ and with its credentials only: [7860] for a demo. Default: none.',
  );

interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Two that listen on one port of a machine get in each other's way. */
export function mistakesInPorts({
  jupyter_port: jupyterPort,
  rpc_port: rpcPort,
  ports = [],
  code_server: hasEditor = false,
  code_server_port: editorPort,
}: {
  readonly jupyter_port?: number | undefined;
  readonly rpc_port?: number | undefined;
  readonly ports?: readonly number[] | undefined;
  readonly code_server?: boolean | undefined;
  readonly code_server_port?: number | undefined;
}): readonly Mistake[] {
  const isTwice = (path: Mistake['path'], by: string): Mistake => ({
    path,
    message: `is the port of ${by} too`,
  });
  return [
    ...(rpcPort !== undefined && rpcPort === jupyterPort
      ? [isTwice(['rpc_port'], 'jupyter_port')]
      : []),
    ...(hasEditor && editorPort !== undefined
      ? [
          ...(editorPort === jupyterPort ? [isTwice(['code_server_port'], 'jupyter_port')] : []),
          ...(editorPort === rpcPort ? [isTwice(['code_server_port'], 'rpc_port')] : []),
          ...(ports.includes(editorPort) ? [isTwice(['code_server_port'], 'ports')] : []),
        ]
      : []),
    // Functions that agents may call have their own way there, and their own token.
    ...ports.flatMap((port, at) => [
      ...(port === jupyterPort ? [isTwice(['ports', at], 'jupyter_port')] : []),
      ...(port === rpcPort ? [isTwice(['ports', at], 'rpc_port')] : []),
    ]),
  ];
}

/** Options as a sandbox has them on record, of whichever back end. */
type Options = Readonly<Record<string, unknown>>;

export const modeOf = ({ mode }: Options): SandboxMode =>
  SANDBOX_MODES.find((known) => known === mode) ?? 'notebook';

/** Undefined where nothing is to be brought home. */
export function outputsOf({ outputs }: Options): string | undefined {
  if (outputs === null) return undefined;
  return typeof outputs === 'string' ? outputs : DEFAULT_OUTPUTS;
}

/** As they were asked for. */
export function tagsOf({ tags }: Options): Readonly<Record<string, string>> {
  const parsed = tagsOption.safeParse(tags);
  return parsed.success ? (parsed.data ?? {}) : {};
}

/** Whether a sandbox has all of these. */
export const hasTags = (options: Options, wanted: Readonly<Record<string, string>>): boolean => {
  const tags = tagsOf(options);
  return Object.entries(wanted).every(([name, value]) => tags[name] === value);
};

/** Models belong into kernels of notebooks; where there are none, only their weights are there. */
export const hasModelsToLoad = (options: Options): boolean =>
  modeOf(options) !== 'shell' &&
  Array.isArray(options['models']) &&
  options['models'].some((model) => isRecord(model) && model['preload'] !== false);

export const preloadLimitMs = (options: Options): number =>
  secondsOf(options['preload_timeout_seconds'], DEFAULT_PRELOAD_S) * 1000;

export const callLimitMs = (options: Options): number =>
  secondsOf(options['rpc_timeout_seconds'], DEFAULT_RPC_S) * 1000;

/** Those that are reached through the server: the ones that were named, and that of the editor. */
export function forwardedPortsOf({
  ports,
  code_server: hasEditor,
  code_server_port: editorPort,
}: Options): readonly number[] {
  const named = Array.isArray(ports) ? ports.filter((port) => typeof port === 'number') : [];
  return hasEditor === true && typeof editorPort === 'number' ? [...named, editorPort] : named;
}

/** Undefined: any that is free. */
export const rpcPortOf = ({ rpc_port: port }: Options): number | undefined =>
  typeof port === 'number' ? port : undefined;

const secondsOf = (value: unknown, fallback: number): number =>
  typeof value === 'number' ? value : fallback;
