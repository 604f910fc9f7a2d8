/** Reads the answers of Jupyter's REST interface: only the fields that are used, tolerant of the rest. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { JupyterSessionModel, KernelModel, KernelSpec } from './contract.ts';
import { stringOf } from './messages.ts';

/** The server's own words, as `: words`, or nothing when there are none. */
export function errorTextOf(body: string): string {
  const message = messageIn(body);
  if (message === undefined || message === '') return '';
  return `: ${message.trim().replace(/\.$/, '').slice(0, 2000)}`;
}

/** Whether an error page was made by Jupyter and not by a proxy in front of it. */
export function isFromJupyter(body: string): boolean {
  return messageIn(body) !== undefined;
}

function messageIn(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return isRecord(parsed) && typeof parsed['message'] === 'string'
      ? parsed['message']
      : undefined;
  } catch {
    return undefined;
  }
}

/** @throws GloveboxError `server/error` without an id. */
export function parseKernel(raw: unknown): KernelModel {
  if (!isRecord(raw) || typeof raw['id'] !== 'string') throw unreadable('kernel');
  return {
    id: raw['id'],
    name: stringOf(raw['name']),
    executionState: stringOf(raw['execution_state']),
    connections: typeof raw['connections'] === 'number' ? raw['connections'] : 0,
    lastActivity: stringOf(raw['last_activity']),
  };
}

/** @throws GloveboxError `server/error` without ids. */
export function parseSession(raw: unknown): JupyterSessionModel {
  if (!isRecord(raw) || typeof raw['id'] !== 'string') throw unreadable('session');
  const notebook = isRecord(raw['notebook']) ? raw['notebook'] : {};
  return {
    id: raw['id'],
    // Older servers have the path one level below.
    path: stringOf(raw['path'] ?? notebook['path']),
    kernel: parseKernel(raw['kernel']),
  };
}

/** Entries that cannot be read (a session whose kernel is gone) are left out. */
export function parseList<T>(raw: unknown, parse: (entry: unknown) => T): readonly T[] {
  if (!Array.isArray(raw)) throw unreadable('list');
  return raw.flatMap((entry: unknown) => {
    try {
      return [parse(entry)];
    } catch {
      return [];
    }
  });
}

export function parseKernelSpecs(raw: unknown): {
  readonly default: string;
  readonly specs: readonly KernelSpec[];
} {
  if (!isRecord(raw) || !isRecord(raw['kernelspecs'])) throw unreadable('list of kernels');
  const specs = Object.entries(raw['kernelspecs']).map(([key, entry]): KernelSpec => {
    const outer = isRecord(entry) ? entry : {};
    const spec = isRecord(outer['spec']) ? outer['spec'] : {};
    return {
      name: stringOf(outer['name']) || key,
      displayName: stringOf(spec['display_name']) || key,
      language: stringOf(spec['language']),
      interruptMode: spec['interrupt_mode'] === 'message' ? 'message' : 'signal',
    };
  });
  return { default: stringOf(raw['default']), specs };
}

function unreadable(thing: string): GloveboxError {
  return new GloveboxError(
    'server/error',
    `The server's answer is not a ${thing} as Jupyter sends it.`,
    {
      hint: 'Check that the address is that of a Jupyter server.',
    },
  );
}
