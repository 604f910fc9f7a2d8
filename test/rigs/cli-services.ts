/** The services below a command line without machine: they answer from a few objects and note what was asked of them. */
import type { CliClock, CliHost, CliServices, CliSession, SandboxView } from '#cli/host.ts';
import { GloveboxError } from '#core/errors.ts';
import { createPolicy } from '#main/policy.ts';
import { checkForBackend } from '#sandbox/check-for-backend.ts';
import { BackendRegistry } from '#sandbox/registry.ts';
import { resolveConfig } from '#sandbox/sandbox-config.ts';
import type { SessionView } from '#session/contract.ts';
import { fakeBackend, sandboxView } from './cli-objects.ts';

const registry = new BackendRegistry({ local: async () => fakeBackend });

export interface World {
  /** Where policy keeps its state; nothing is there otherwise. */
  readonly stateDir?: string;
  /** What the person at the terminal types; without it there is no terminal. */
  readonly typed?: string;
  /** Sandboxes on record, newest first. */
  sandboxes?: readonly SandboxView[];
  sessions?: readonly SessionView[];
  session?: CliSession;
  tools?: CliHost['tools'];
  env?: Readonly<Record<string, string>>;
  stdin?: string;
  parts?: Partial<CliServices['sandboxes']> & {
    readonly sessions?: Partial<CliServices['sessions']>;
  };
  callTool?: CliServices['callTool'];
  replacements?: CliServices['replacements'];
  host?: Partial<CliHost>;
  terminal?: boolean;
}

/** @param note notes a call and answers its value */
export function fakeServices(
  world: World,
  {
    clock,
    note,
    loaded,
  }: {
    readonly clock: CliClock;
    readonly note: <T>(call: string, value: T) => Promise<T>;
    /** The config that was loaded last. */
    readonly loaded: () => Awaited<ReturnType<CliHost['loadConfig']>> | undefined;
  },
): CliServices {
  const { sandboxes = [], sessions = [] } = world;
  const { sessions: sessionParts, ...sandboxParts } = world.parts ?? {};
  const find = (id: string): SandboxView => {
    const found = sandboxes.find((view) => view.id === id);
    if (found === undefined)
      throw new GloveboxError('sandbox/unknown', `There is no sandbox "${id}".`);
    return found;
  };
  const services: CliServices = {
    policy: createPolicy({ dir: world.stateDir ?? '/nowhere/state', env: world.env ?? {}, clock }),
    projectDir: '/project',
    sandboxes: {
      backends: () => ['local'],
      defaultBackend: () => 'local',
      backend: (id) =>
        id === 'local'
          ? Promise.resolve(fakeBackend)
          : Promise.reject(new GloveboxError('backend/unknown', `no ${id}`)),
      checkOptions: (backend, options, names) => checkForBackend(registry, backend, options, names),
      resolve: (config, fallback) =>
        resolveConfig(config, {
          registry: { load: (id) => services.sandboxes.backend(id) },
          profiles: loaded()?.profiles() ?? new Map(),
          fallback: fallback ?? 'local',
        }),
      create: ({ backend, options, name, once }, { waitMs }) =>
        note(
          `create ${backend} ${name ?? ''}${JSON.stringify(options)} ${waitMs}${once === 'project' ? '' : ' another'}`,
          sandboxes[0] ?? sandboxView(),
        ),
      createSeveral: async (requests, { allOrNothing }, { waitMs }) => {
        const names = requests.map(({ name }) => name).join(' ');
        const views = requests.map((_, at) => sandboxes[at]).filter((view) => view !== undefined);
        const failure = new GloveboxError('sandbox/no-capacity', 'no H100 is free');
        const outcomes = requests.map(({ name = '' }, at) => {
          const view = views[at];
          return view === undefined ? { name, failure } : { view };
        });
        return note(`createSeveral ${names} ${waitMs}${allOrNothing ? ' or none' : ''}`, outcomes);
      },
      list: ({ includeEnded }) =>
        Promise.resolve(
          sandboxes.filter(({ status }) => includeEnded === true || status.state !== 'ended'),
        ),
      get: async (id) => find(id),
      wait: async (id, { waitMs }) => note(`wait ${id} ${waitMs}`, find(id)),
      stop: async (id) => note(`stop ${id}`, find(id)),
      logs: async (id, lines) => note(`logs ${id} ${lines}`, ['one', 'two']),
      waysIn: {
        openPage: (id, notebook) => note(`openPage ${id} ${notebook}`, { page: '/pages/x.html' }),
        openPort: (id, port) => note(`openPort ${id} ${port}`, { page: '/pages/port.html' }),
      },
      origin: async (id) => ({ projectDir: '/project', backend: find(id).backend }),
      ...sandboxParts,
    },
    interfaces: {
      serve: () => Promise.reject(new GloveboxError('internal', 'nothing is served here')),
      stop: async () => undefined,
      list: async () => [],
      describe: ({ name }) => name,
    },
    sessions: {
      list: (all) => Promise.resolve(sessions.filter(({ state }) => all || state !== 'ended')),
      get: (id) =>
        world.session?.id === id
          ? Promise.resolve(world.session)
          : Promise.reject(new GloveboxError('session/unknown', `There is no session "${id}".`)),
      shutdown: (id) => note(`shutdown ${id}`, undefined),
      endAllIn: (id) => note(`endAllIn ${id}`, []),
      runScratch: ({ code }) => {
        if (world.session === undefined)
          return Promise.reject(new GloveboxError('internal', 'no session'));
        return note(`runScratch ${code}`, {
          session: world.session,
          run: world.session.scratch(code),
        });
      },
      ...sessionParts,
    },
    replacements: world.replacements ?? {
      plan: () => Promise.reject(new GloveboxError('internal', 'not here')),
      replace: () => Promise.reject(new GloveboxError('internal', 'not here')),
    },
    callTool:
      world.callTool ??
      ((tool, input) => note(`${tool.name} ${JSON.stringify(input)}`, { blocks: [] })),
    close: () => note('close', undefined),
  };
  return services;
}
