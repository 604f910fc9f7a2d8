/** Functions that sandboxes of the project expose, as tools: their number and their form change while the server runs. */
import * as z from 'zod';
import type { JsonObject } from '#core/json.ts';
import type { ExposedFunction, InterfaceRecord } from '#workspace/interface-records.ts';
import { resultOf } from '#workspace/interfaces.ts';
import { defineTool, type Tool } from './define-tool.ts';
import { followRun, runResult, waitOf } from './render-run.ts';

/** Whatever an agent gives: the interface checks it against the signature, and says what is wrong. */
const anyArguments = z.looseObject({});

export function toolsOfInterfaces(records: readonly InterfaceRecord[]): readonly Tool[] {
  const tools = records
    .filter(({ expose }) => expose === 'mcp')
    // The newest first: where two sandboxes serve the same name, that one is meant.
    .toSorted((a, b) => b.createdMs - a.createdMs)
    .flatMap((record) => record.functions.map((exposed) => interfaceTool(record, exposed)));
  const seen = new Set<string>();
  return tools.filter(({ name }) => !seen.has(name) && seen.add(name));
}

function interfaceTool(record: InterfaceRecord, exposed: ExposedFunction): Tool {
  const { sandboxId, name } = record;
  const tool = defineTool({
    name: `${name}__${exposed.name}`,
    toolset: 'sandbox',
    title: `${exposed.name} of ${name}`,
    description: exposed.description || `The function ${exposed.name} of the interface ${name}.`,
    input: anyArguments,
    hints: { readOnly: false, destructive: false, idempotent: false, openWorld: true },
    async run(input, context) {
      const wait = waitOf(undefined, context);
      const { session, run } = await context.interfaces.call(
        { sandboxId, name, function: exposed.name, arguments: argumentsOf(input) },
        wait,
      );
      await followRun(run, undefined, context, () =>
        context.sessions.cancelAfterCall(session, run),
      );
      if (run.isFinal) resultOf(run);
      return runResult(run.view(), context);
    },
  });
  return { ...tool, publishedSchema: exposed.input, revision: `${sandboxId} ${record.createdMs}` };
}

const argumentsOf = (input: Readonly<Record<string, unknown>>): JsonObject =>
  z.record(z.string(), z.json()).parse(input);
