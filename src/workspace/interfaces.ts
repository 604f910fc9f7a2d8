/** Functions that an experimenter exposes: served by a process of their own in a sandbox, called from here through a helper kernel. */
import * as z from 'zod';
import { abandonOn } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import type { RecordStore } from '#platform/records.ts';
import { callLimitMs, rpcPortOf } from '#sandbox/common-options.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels, Loan } from '#session/helper-kernels.ts';
import { publishedBy } from '#session/published.ts';
import { pythonCall } from '#session/python-call.ts';
import type { Run } from '#session/run.ts';
import type { Session } from '#session/session.ts';
import {
  makeExposedFunction,
  interfaceId,
  interfacesOf,
  type InterfaceRecord,
} from './interface-records.ts';

/** The type under which `python/interfaces.py` publishes its answers. */
const MIME = 'application/vnd.glovebox.interface+json';
/** It becomes part of the names of tools, and of a module. */
const NAME = /^[a-z][a-z0-9_]{0,23}$/;
const DEFAULT_START_MS = 3_600_000;

export interface ServeRequest {
  readonly sandboxId: string | undefined;
  /** Lower case letters, digits and underscores, at most 24. One that is served already is replaced. */
  readonly name: string;
  /** Python with functions marked `@expose`. */
  readonly source: string;
  /**
   * - `mcp`: each function is a tool of Glovebox, `NAME__FUNCTION`.
   * - `library`: kernels of the same sandbox import a module of that name.
   * - `prompt`: neither; what it offers is told in words (`describeInterface`), and called through `call`.
   */
  readonly expose: InterfaceRecord['expose'];
  /**
   * From now on agents may call exposed functions of this sandbox and do nothing else in it: tools and commands start no kernels,
   * run no code and show no files there. Programs that use the library are not bound by it. Until the interface is stopped.
   */
  readonly isOnly?: boolean;
  /** How long a call may take. Default: what the sandbox was asked for with, else 600 s. */
  readonly callLimitMs?: number;
  /** How long the file may take to load, models included. Default: one hour. */
  readonly startLimitMs?: number;
}

export interface CallRequest {
  readonly sandboxId: string;
  readonly name: string;
  readonly function: string;
  readonly arguments: JsonObject;
}

export interface Interfaces {
  /**
   * Resolves when it serves. An error while the file is loaded is known at once.
   *
   * @throws `interface/start-failed` with the end of its log; `input/invalid` for a name; as `HelperKernels.lend`; `cancelled`, and
   *   then it was ended.
   */
  serve(request: ServeRequest, wait: SandboxWait): Promise<InterfaceRecord>;
  /** Ends it, whether it runs or not. @throws as `HelperKernels.lend`. */
  stop(
    which: { readonly sandboxId: string; readonly name: string },
    wait: SandboxWait,
  ): Promise<void>;
  /** What it offers in words, for a prompt. */
  describe(record: InterfaceRecord): string;
  /** Those of the project, also of sandboxes that have ended meanwhile. */
  list(): Promise<readonly InterfaceRecord[]>;
  /**
   * A call is a run: it has an id, is sent at most once, and goes on whoever waits for it. `resultOf` reads it.
   *
   * @throws `interface/gone` for one that is not known; as `HelperKernels.lend`.
   */
  call(
    request: CallRequest,
    wait: SandboxWait,
  ): Promise<{ readonly session: Session; readonly run: Run }>;
}

export interface InterfacesOptions {
  readonly helpers: HelperKernels;
  readonly records: RecordStore<InterfaceRecord>;
  readonly projectDir: string;
  readonly clock: Clock;
  /** The text of one of our Python files. */
  source(this: void, name: string): Promise<string>;
}

const refused = z.object({ refused: z.string(), message: z.string() });
const started = z.object({ functions: z.array(makeExposedFunction()) });
const called = z.object({
  status: z.number(),
  answer: z.union([
    z.object({ result: z.json() }),
    z.object({ error: z.object({ type: z.string(), message: z.string() }) }),
  ]),
});

export function createInterfaces(options: InterfacesOptions): Interfaces {
  const { helpers, records, projectDir, clock, source } = options;

  const begin = async (loan: Loan, request: JsonObject): Promise<Run> => {
    const { session, release } = loan;
    const run = session.scratch(pythonCall(await source('interfaces.py'), request));
    void run.whenFinal().then(release);
    return run;
  };

  const ask = async (loan: Loan, request: JsonObject, wait: SandboxWait): Promise<unknown> => {
    const run = await begin(loan, request);
    try {
      await abandonOn(followed(run, wait), wait.signal);
    } catch (error) {
      await loan.session.cancelRun(run).catch(() => undefined);
      throw error;
    }
    const answer = publishedBy(run, MIME);
    if (answer !== undefined) return answer;
    throw new GloveboxError('interface/gone', `It ended without an answer (${run.state}).`);
  };

  return {
    async serve(request, wait) {
      const { name, expose } = request;
      checkName(name);
      const loan = await helpers.lend(request.sandboxId, wait, true);
      const sandboxId = loan.sandbox.id;
      const limitMs = request.callLimitMs ?? callLimitMs(loan.sandbox.options);
      const port = rpcPortOf(loan.sandbox.options);
      const answer = await ask(
        loan,
        {
          operation: 'start',
          ...(port !== undefined && { port }),
          name,
          source: request.source,
          server: await source('glovebox_interface.py'),
          is_library: expose === 'library',
          call_limit_s: limitMs / 1000,
          start_limit_s: (request.startLimitMs ?? DEFAULT_START_MS) / 1000,
        },
        wait,
      );
      const problem = refused.safeParse(answer);
      if (problem.success)
        throw new GloveboxError('interface/start-failed', problem.data.message, {
          hint: 'Correct the file and serve it again.',
        });
      const { functions } = started.parse(answer);
      const record: InterfaceRecord = {
        sandboxId,
        projectDir,
        name,
        expose,
        functions,
        isOnly: request.isOnly ?? false,
        callLimitMs: limitMs,
        createdMs: clock.now(),
      };
      await records.remove(interfaceId(record));
      return records.create(interfaceId(record), record);
    },

    async stop(which, wait) {
      const loan = await helpers.lend(which.sandboxId, wait, true);
      await ask(loan, { operation: 'stop', name: which.name }, wait);
      await records.remove(interfaceId(which));
    },

    describe: describeInterface,
    list: () => interfacesOf(records, projectDir),

    async call(request, wait) {
      const record = await records.read(interfaceId(request));
      if (record === undefined)
        throw new GloveboxError(
          'interface/gone',
          `Sandbox ${request.sandboxId} has no interface ${request.name}.`,
        );
      const loan = await helpers.lend(request.sandboxId, wait, true);
      const run = await begin(loan, {
        operation: 'call',
        name: request.name,
        function: request.function,
        arguments: request.arguments,
        call_limit_s: record.callLimitMs / 1000,
      });
      return { session: loan.session, run };
    },
  };
}

/** Until the run has ended, however long that takes. */
async function followed(run: Run, wait: SandboxWait): Promise<void> {
  const day = 24 * 3_600_000;
  await run.wait({ waitMs: day, signal: wait.signal, report: (step) => wait.report(step) });
}

/**
 * What a call that has ended gave.
 *
 * @throws `interface/failed` with the words of the function; `interface/gone`, and then it is not known what it did.
 */
export function resultOf(run: Run): unknown {
  const answer = publishedBy(run, MIME);
  const problem = refused.safeParse(answer);
  if (problem.success)
    throw new GloveboxError('interface/gone', problem.data.message, {
      hint: 'It must be served again by whoever made it; state it had in memory is lost.',
    });
  if (answer === undefined)
    throw new GloveboxError(
      'interface/gone',
      `The call ended without an answer (${run.state}); whether it was carried out is not known.`,
    );
  const { answer: given } = called.parse(answer);
  if ('result' in given) return given.result;
  const { type, message } = given.error;
  throw new GloveboxError('interface/failed', `${type}: ${message}`, {
    hint:
      type === 'arguments'
        ? 'Correct the arguments; nothing was carried out.'
        : 'It is an error of the function; the interface goes on.',
  });
}

function describeInterface({ name, functions }: InterfaceRecord): string {
  const described = functions.map(({ name: word, description, input }) => {
    const properties = z.record(z.string(), z.looseObject({})).catch({}).parse(input['properties']);
    const needed = z.array(z.string()).catch([]).parse(input['required']);
    const parameters = Object.entries(properties).map(
      ([key, schema]) =>
        `  ${key}${needed.includes(key) ? '' : ' (optional)'}: ${JSON.stringify(schema)}`,
    );
    return [`${name}.${word}: ${description}`, ...parameters].join('\n');
  });
  return described.join('\n');
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new GloveboxError('input/invalid', `"${name}" cannot be the name of an interface.`, {
    hint: 'Lower case letters, digits and underscores, at most 24, a letter first.',
  });
}
