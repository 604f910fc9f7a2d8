/** The same code through our channel and through JupyterLab's own client gives the same outputs. */
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { KernelMessage } from '#jupyter/contract.ts';
import { useLab } from '../rigs/jupyter-lab.ts';

const lab = useLab();

interface Output {
  readonly type: string;
  readonly content: unknown;
  readonly metadata: unknown;
  readonly buffers: readonly (readonly number[])[];
}

const SNIPPETS: Readonly<Record<string, string>> = {
  'a value': '6 * 7',
  nothing: 'x = 1',
  'printed text': 'print("a"); print("b")',
  'no newline at the end': 'print("a", end="")',
  'carriage returns': 'print("10%\\r20%\\r30%")',
  'standard error':
    'import sys; print("out", flush=True); print("err", file=sys.stderr, flush=True)',
  unicode: 'print("grüße 🧪 \\u2028 \\x1b[31mred\\x1b[0m \\x00")',
  'an error': 'print("before", flush=True)\n1/0',
  'an error in a function': 'def f(n):\n  return f(n - 1) if n else missing\nf(3)',
  'a syntax error': 'for',
  'rich displays':
    'from IPython.display import display, HTML, JSON, Latex, Markdown, SVG\n' +
    'display(HTML("<b>x</b>"), Markdown("*x*"), Latex("$x$"), JSON({"a": [1, None]}), metadata={"k": 1})',
  'a bundle with metadata':
    'display({"text/plain": "x", "application/x": {"a": 1}}, raw=True, metadata={"application/x": {"b": 2}})',
  'a picture':
    'from IPython.display import Image\nimport base64\n' +
    'Image(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))',
  'a data frame': 'import pandas as pd\npd.DataFrame({"a": [1, 2], "ü": ["x", None]})',
  'updated displays':
    'h = display("a", display_id="fixed"); h.update("b"); h.update({"text/html": "<i>c</i>"}, raw=True)',
  clearing:
    'from IPython.display import clear_output\nprint(1, flush=True); clear_output(wait=True); print(2, flush=True); clear_output()',
  'help in the pager': 'len?',
  'a widget with buffers':
    'from comm import create_comm\n' +
    'c = create_comm(comm_id="fixed", target_name="jupyter.widget", data={"state": {}}, metadata={"version": "2.1.0"}, buffers=[bytes([0, 255, 7]), b"", b"xyz"])\n' +
    'c.send({"method": "update"}, buffers=[memoryview(b"abc")])\nc.close()',
  'much text': 'for i in range(3000): print("line", i)',
};

/** The kernel may cut one stream into any number of messages. */
function joined(outputs: readonly Output[]): readonly Output[] {
  const result: Output[] = [];
  for (const output of outputs) {
    const last = result.at(-1);
    if (output.type === 'stream' && last?.type === 'stream' && nameOf(last) === nameOf(output)) {
      const content = { name: nameOf(output), text: textOf(last) + textOf(output) };
      result[result.length - 1] = { ...last, content };
    } else {
      result.push(output);
    }
  }
  return result;
}

const field = (output: Output, name: string): string =>
  typeof output.content === 'object' && output.content !== null
    ? String(Object.entries(output.content).find(([key]) => key === name)?.[1])
    : '';
const nameOf = (output: Output): string => field(output, 'name');
const textOf = (output: Output): string => field(output, 'text');

function toOutput(message: {
  readonly header: { readonly msg_type: string };
  readonly content: unknown;
  readonly metadata: unknown;
  readonly buffers?: readonly (ArrayBuffer | ArrayBufferView)[];
}): Output {
  const buffers = (message.buffers ?? []).map((buffer) => [
    ...(ArrayBuffer.isView(buffer)
      ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
      : new Uint8Array(buffer)),
  ]);
  return {
    type: message.header.msg_type,
    content: message.content,
    metadata: message.metadata,
    buffers,
  };
}

async function throughOurs(): Promise<Record<string, unknown>> {
  const { channel } = await lab().kernel();
  const results: Record<string, unknown> = {};
  for (const [index, [name, code]] of Object.entries(SNIPPETS).entries()) {
    const messages: KernelMessage[] = [];
    const execution = channel.execute(
      { msgId: `ours-${index}`, code },
      { onMessage: (message) => messages.push(message) },
    );
    const { status, executionCount, payload } = await execution.finished;
    const outputs = joined(messages.map(toOutput));
    results[name] = { status, executionCount, payload, outputs };
  }
  return results;
}

async function throughJupyterLab(): Promise<Record<string, unknown>> {
  // It prints what it does.
  for (const method of ['debug', 'log', 'warn'] as const)
    vi.spyOn(console, method).mockReturnValue();
  const { KernelConnection, KernelAPI, ServerConnection } = await import('@jupyterlab/services');
  const { endpoint, token } = lab().running;
  // Its type wants the browser's class; it uses what both have in common.
  const socketClass: unknown = WebSocket;
  if (!isBrowserSocket(socketClass)) throw new Error('not a class');
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: endpoint.baseUrl,
    wsUrl: endpoint.baseUrl.replace('http', 'ws'),
    token,
    appendToken: true,
    fetch,
    WebSocket: socketClass,
  });
  const model = await KernelAPI.startNew({ name: 'python3' }, serverSettings);
  const kernel = new KernelConnection({ model, serverSettings, handleComms: false });
  try {
    await kernel.info;
    const results: Record<string, unknown> = {};
    for (const [name, code] of Object.entries(SNIPPETS)) {
      const outputs: Output[] = [];
      const future = kernel.requestExecute({ code, allow_stdin: false, store_history: true });
      future.onIOPub = (message) => void outputs.push(toOutput(message));
      const { content } = await future.done;
      const payload = content.status === 'ok' ? (content.payload ?? []) : [];
      const { status, execution_count: executionCount } = content;
      results[name] = { status, executionCount, payload, outputs: joined(outputs) };
    }
    return results;
  } finally {
    await kernel.shutdown();
    kernel.dispose();
    vi.restoreAllMocks();
  }
}

function isBrowserSocket(value: unknown): value is typeof globalThis.WebSocket {
  return typeof value === 'function';
}

test('every snippet gives the same messages as in JupyterLab', async () => {
  const ours = await throughOurs();
  const theirs = await throughJupyterLab();
  for (const name of Object.keys(SNIPPETS))
    expect({ [name]: ours[name] }).toEqual({ [name]: theirs[name] });
  expect(Object.keys(theirs)).toHaveLength(19);
  expect(theirs['a widget with buffers']).toMatchObject({
    outputs: expect.arrayContaining([
      expect.objectContaining({ type: 'comm_open', buffers: [[0, 255, 7], [], [120, 121, 122]] }),
    ]),
  });
});
