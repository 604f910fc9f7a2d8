/** What the MCP layer itself promises, with tools made for the purpose, in both eras of the protocol. */
import * as z from 'zod';
import { describe, expect, it, vi } from 'vitest';
import { cancelled } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import {
  defineTool,
  textResult,
  type Tool,
  type ToolContext,
  type ToolResult,
  type ToolServices,
} from '#tools/define-tool.ts';
import { connect, ERAS } from './harness.ts';

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

function toolThat(
  run: (input: { readonly word: string }, context: ToolContext) => Promise<ToolResult>,
  changes: Partial<Pick<Tool, 'name' | 'alwaysLoad' | 'hints'>> = {},
): Tool {
  return defineTool({
    name: 'try_it',
    toolset: 'notebook',
    title: 'Try it',
    description: 'A tool of the test.',
    input: z.strictObject({
      word: z.string().default('nothing').describe('Any word'),
      count: z.int().optional().describe('How often'),
    }),
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
    run,
    ...changes,
  });
}

/** The tools of these tests use no service; a use of one would be a mistake and fails. */
const untouchable = new Proxy(
  {},
  {
    get: (_, name) => {
      throw new Error(`this test has no service, and ${String(name)} was asked of one`);
    },
  },
);
const noServices = async (): Promise<ToolServices> => ({
  sessions: z.custom<ToolServices['sessions']>().parse(untouchable),
  sandboxes: z.custom<ToolServices['sandboxes']>().parse(untouchable),
  shell: z.custom<ToolServices['shell']>().parse(untouchable),
  files: z.custom<ToolServices['files']>().parse(untouchable),
  projectTransfer: z.custom<ToolServices['projectTransfer']>().parse(untouchable),
  reload: async () => [],
  workspace: z.custom<ToolServices['workspace']>().parse(untouchable),
  interfaces: z.custom<ToolServices['interfaces']>().parse(untouchable),
  transfer: z.custom<ToolServices['transfer']>().parse(untouchable),
  settings: z.custom<ToolServices['settings']>().parse(untouchable),
  images: z.custom<ToolServices['images']>().parse(untouchable),
  hub: z.custom<ToolServices['hub']>().parse(untouchable),
  jobs: z.custom<ToolServices['jobs']>().parse(untouchable),
  github: z.custom<ToolServices['github']>().parse(untouchable),
  authorize: z.custom<ToolServices['authorize']>().parse(untouchable),
  spend: z.custom<ToolServices['spend']>().parse(untouchable),
  findSecrets: z.custom<ToolServices['findSecrets']>().parse(untouchable),
  projectDir: '/project',
});

const textOf = (result: { content: readonly unknown[] }): string =>
  z
    .array(z.object({ text: z.string() }))
    .parse(result.content)
    .map(({ text }) => text)
    .join('\n');

describe.each(ERAS)('MCP server, %s era', (era) => {
  const serve = (tool: Tool, more = {}) =>
    connect(era, { tools: [tool], services: noServices, ...more });

  it('T3: lists tools with schema, hints and the marks of clients', async () => {
    const tool = toolThat(async () => textResult(''), { alwaysLoad: true });
    const getRun = toolThat(async () => textResult(''), { name: 'get_run' });
    const { client } = await connect(era, { tools: [tool, getRun], services: noServices });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['try_it', 'get_run']);
    expect(tools[0]).toMatchObject({
      title: 'Try it',
      inputSchema: {
        type: 'object',
        additionalProperties: false,
        properties: {
          word: { type: 'string', default: 'nothing', description: 'Any word' },
          count: { type: 'integer', description: 'How often' },
        },
      },
      annotations: {
        readOnlyHint: false,
        destructiveHint: true,
        idempotentHint: false,
        openWorldHint: true,
      },
      _meta: { 'anthropic/alwaysLoad': true },
    });
    expect(tools[0]?.inputSchema['required']).toBeUndefined();
    expect(tools[0]?.outputSchema).toBeUndefined();
    expect(tools[1]?._meta).toEqual({ 'anthropic/maxResultSizeChars': 100_000 });
    expect(client.getInstructions()).toBe('Instructions of the test.');
  });

  it('P3, O11, X49: answers with text and image blocks, and data for machines in _meta', async () => {
    const { client } = await serve(
      toolThat(async ({ word }) => ({
        blocks: [
          { type: 'text', text: `said ${word}` },
          { type: 'image', data: PIXEL, mimeType: 'image/png' },
        ],
        meta: { run_id: 'r-1' },
      })),
    );
    const result = await client.callTool({ name: 'try_it', arguments: { word: 'hello' } });
    expect(result.content).toEqual([
      { type: 'text', text: 'said hello' },
      { type: 'image', data: PIXEL, mimeType: 'image/png' },
    ]);
    expect(result.isError).toBeFalsy();
    expect(result.structuredContent).toBeUndefined();
    expect(result._meta).toMatchObject({ run_id: 'r-1' });
  });

  it('T1: turns a failure into its code, its message and the next step', async () => {
    const { client } = await serve(
      toolThat(async () => {
        throw new GloveboxError('session/unknown', 'No session s-1.', {
          hint: 'Call list_sessions.',
        });
      }),
    );
    const result = await client.callTool({ name: 'try_it', arguments: {} });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toBe('[session/unknown] No session s-1.\nNext: Call list_sessions.');
  });

  it('T3: refuses unknown and wrong arguments with what is accepted, and does not run the tool', async () => {
    const run = vi.fn(async () => textResult('ran'));
    const { client } = await serve(toolThat(run));
    for (const args of [{ wrod: 'x' }, { word: 7 }]) {
      const result = await client.callTool({ name: 'try_it', arguments: args });
      expect(result.isError).toBe(true);
      expect(textOf(result)).toMatch(/^\[input\/invalid\] Arguments of try_it: .*\n/s);
      expect(textOf(result)).toContain('Next: try_it takes: word, count.');
    }
    expect(textOf(await client.callTool({ name: 'try_it', arguments: { wrod: 'x' } }))).toContain(
      'wrod',
    );
    expect(run).not.toHaveBeenCalled();
  });

  it('tells nothing of a foreign error but a reference into the log', async () => {
    const { client, logged } = await serve(
      toolThat(async () => {
        throw new TypeError('token=hunter2 is not a function', { cause: new Error('deep reason') });
      }),
    );
    const text = textOf(await client.callTool({ name: 'try_it', arguments: {} }));
    expect(text).toMatch(/^\[internal\] .*reference e-[0-9a-f]{8}/);
    expect(text).not.toContain('hunter2');
    const reference = /e-[0-9a-f]{8}/.exec(text)?.[0] ?? 'none';
    const entry = logged.find((line) => line.includes(reference));
    expect(entry).toContain('hunter2');
    expect(entry).toContain('deep reason');
  });

  it('P4: completes the handshake when the services cannot be loaded, and says why in each call', async () => {
    const { client } = await connect(era, {
      tools: [toolThat(async () => textResult('ran'))],
      services: async () => {
        throw new GloveboxError('config/invalid', 'glovebox.toml line 3: no such option.', {
          hint: 'Correct the file.',
        });
      },
    });
    expect((await client.listTools()).tools).toHaveLength(1);
    const result = await client.callTool({ name: 'try_it', arguments: {} });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain('[config/invalid] glovebox.toml line 3');
  });

  it('P9: keeps a result below what clients replace by a file', async () => {
    const { client } = await serve(toolThat(async () => textResult('x'.repeat(60_000))));
    const text = textOf(await client.callTool({ name: 'try_it', arguments: {} }));
    expect(text.length).toBeLessThan(50_000);
    expect(text).toContain('11000 more characters');
  });

  it('answers a call of an unknown tool with an error of the protocol', async () => {
    const { client } = await serve(toolThat(async () => textResult('')));
    await expect(client.callTool({ name: 'no_such', arguments: {} })).rejects.toThrow(/no_such/);
  });

  it('R4, X100: reports progress that strictly grows, all before the result', async () => {
    const seen: { progress: number; total?: number | undefined; message?: string | undefined }[] =
      [];
    const proceed = deferred();
    const { client } = await serve(
      toolThat(async (_, context) => {
        context.report({ message: 'cell 1', done: 1, total: 3 });
        context.report({ message: 'cell 2', done: 2, total: 3 });
        context.report({ message: 'cell 3', done: 3, total: 3 });
        await proceed.promise;
        return textResult('done');
      }),
    );
    const call = client.callTool(
      { name: 'try_it', arguments: {} },
      {
        onprogress: (note) => {
          seen.push(note);
          if (seen.length === 2) proceed.resolve();
        },
      },
    );
    expect(textOf(await call)).toBe('done');
    expect(seen.map(({ progress }) => progress)).toEqual([1, 3]);
    expect(seen.map(({ total }) => total)).toEqual([3, 3]);
    expect(seen.map(({ message }) => message)).toEqual(['cell 1', 'cell 3']);
  });

  it('R6: a cancelled call aborts the signal of the tool', async () => {
    const started = deferred();
    const aborted = deferred();
    const { client } = await serve(
      toolThat((_, { signal }) => {
        started.resolve();
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.resolve();
            reject(cancelled(signal));
          });
        });
      }),
    );
    const controller = new AbortController();
    const call = client.callTool({ name: 'try_it', arguments: {} }, { signal: controller.signal });
    const outcome = expect(call).rejects.toThrow();
    await started.promise;
    controller.abort('no longer wanted');
    await Promise.all([outcome, aborted.promise]);
  });

  it('T5: serves the status and the output of a run as resources', async () => {
    const { client } = await serve(
      toolThat(async () => textResult('')),
      {
        resources: {
          readStatus: async () => ({ sessions: [] }),
          readRun: async (runId: string) => {
            if (runId === 'r-1') return 'the whole output';
            throw new GloveboxError('run/unknown', `No run ${runId}.`);
          },
        },
      },
    );
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['glovebox://server/status']);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'glovebox://runs/{run_id}',
    ]);
    const status = await client.readResource({ uri: 'glovebox://server/status' });
    expect(status.contents).toEqual([
      {
        uri: 'glovebox://server/status',
        mimeType: 'application/json',
        text: '{\n  "sessions": []\n}',
      },
    ]);
    const run = await client.readResource({ uri: 'glovebox://runs/r-1' });
    expect(run.contents).toMatchObject([{ text: 'the whole output', mimeType: 'text/plain' }]);
    await expect(client.readResource({ uri: 'glovebox://runs/r-2' })).rejects.toThrow(/No run r-2/);
  });

  it('tells a client that listens that the status has changed', async () => {
    const changed: string[] = [];
    const { client } = await serve(toolThat(async () => textResult('done', { run_id: 'r-1' })));
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      changed.push(params.uri);
    });
    const uri = 'glovebox://server/status';
    if (era === 'legacy') await client.subscribeResource({ uri });
    else await client.listen({ resourceSubscriptions: [uri] });
    await client.callTool({ name: 'try_it', arguments: {} });
    await vi.waitFor(() => expect(changed).toEqual([uri]));
  });
});

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function deferred(): Deferred {
  const settle: (() => void)[] = [];
  const promise = new Promise<void>((resolve) => settle.push(resolve));
  return { promise, resolve: () => settle[0]?.() };
}
