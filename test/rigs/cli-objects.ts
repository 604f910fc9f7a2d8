/** What a command line without machine works on: sandboxes, sessions, runs, a tool and a back end, each a few fields. */
import * as z from 'zod';
import type { CliRun, CliSession, SandboxView } from '#cli/host.ts';
import { cancelled } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { defineBackend, type SandboxStatus } from '#sandbox/backend.ts';
import type { RunView, SessionView } from '#session/contract.ts';
import { defineTool, textResult, type Tool } from '#tools/define-tool.ts';

export function sandboxView(
  status: Partial<SandboxStatus> = {},
  view: Partial<SandboxView> = {},
): SandboxView {
  const id = view.id ?? 'local-lab';
  return {
    id,
    name: id,
    backend: 'local',
    projectDir: '/project',
    createdMs: Date.UTC(2026, 0, 2, 3, 4, 0),
    options: {},
    serverRootDir: '/project',
    ...view,
    status: { id, state: 'ready', generation: 1, ...status },
  };
}

export function sessionView(view: Partial<SessionView> = {}): SessionView {
  return {
    id: 's-abc',
    sandboxId: 'local-lab',
    notebookPath: '/project/notebooks/probe.ipynb',
    kernelName: 'Python 3',
    kernelId: 'k1',
    generation: 1,
    state: 'idle',
    ownsKernel: true,
    runs: [],
    ...view,
  };
}

/** A run that goes through `views`, one per wait; the last stays. */
export function fakeRun(
  ...views: readonly Partial<RunView>[]
): CliRun & { readonly waits: number } {
  let at = 0;
  const current = (): RunView => ({
    id: 'r-1',
    sessionId: 's-abc',
    state: 'ok',
    executionCount: 1,
    outputs: [],
    droppedBytes: 0,
    elapsedMs: 1500,
    queuePosition: 0,
    notices: [],
    ...views[Math.min(at, views.length - 1)],
  });
  return {
    id: 'r-1',
    get waits() {
      return at;
    },
    get state() {
      return current().state;
    },
    get isFinal() {
      return !['queued', 'sent', 'running', 'waiting_input'].includes(current().state);
    },
    wait({ signal }) {
      if (signal.aborted) return Promise.reject(cancelled(signal));
      at += 1;
      return Promise.resolve();
    },
    view: current,
    followRest: () => undefined,
  };
}

/** The code cells of a notebook with the runs they lead to. */
export function fakeSession(
  cells: readonly {
    readonly source: string;
    readonly type?: 'code' | 'markdown';
    readonly run?: CliRun;
  }[],
): CliSession & { readonly calls: readonly string[] } {
  const calls: string[] = [];
  const views = cells.map(({ source, type = 'code' }, index) => ({
    id: `c${index}`,
    index,
    type,
    source,
  }));
  const runOf = (id: string): CliRun | undefined => cells[Number(id.slice(1))]?.run;
  return {
    id: 's-abc',
    calls,
    notebook: {
      path: '/project/notebooks/probe.ipynb',
      cells: () => views,
      flush: () => Promise.resolve(calls.push('flush')),
    },
    runCells: ([id = '']) => {
      calls.push(`run ${id}`);
      const [cell] = views.filter((view) => view.id === id);
      if (cell === undefined) throw new GloveboxError('cell/unknown', `no ${id}`);
      return Promise.resolve([{ cell, run: runOf(id) }]);
    },
    execute: ({ code }) => {
      calls.push(`execute ${code}`);
      return Promise.resolve(runOf('c0') ?? fakeRun());
    },
    scratch: (code, timeoutMs) => {
      calls.push(`scratch ${code} ${timeoutMs ?? ''}`.trim());
      return runOf('c0') ?? fakeRun();
    },
    interrupt: () => Promise.resolve(calls.push('interrupt')),
  };
}

/** A tool whose only work is to have parameters. */
export const fakeTool = (name: string): Tool =>
  defineTool({
    name,
    toolset: 'notebook',
    title: 'Greet',
    description: 'Greets somebody.',
    input: z.strictObject({
      who: z.string().describe('Whom.'),
      times: z.int32().optional(),
      tone: z.enum(['kind', 'curt']).optional(),
    }),
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    run: () => Promise.resolve(textResult('unused')),
  });

export const fakeBackend = defineBackend({
  id: 'local',
  summary: 'pretends to be a machine',
  needs: { commands: ['python3'] },
  options: z.strictObject({
    cpus: z.int32().optional().describe('Number of CPUs.'),
    label: z.string().optional().describe('A label.'),
  }),
  sharesHost: true,
  offers: () => Promise.resolve([]),
  start: () => Promise.reject(new GloveboxError('internal', 'not here')),
  state: () => Promise.reject(new GloveboxError('internal', 'not here')),
  endpoint: () => Promise.reject(new GloveboxError('internal', 'not here')),
  logs: () => Promise.resolve([]),
  stop: () => Promise.resolve(),
});
