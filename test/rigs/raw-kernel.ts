/** A kernel driven with bare frames, for tests of servers that must not depend on our own wire client. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Endpoint } from '#core/endpoint.ts';

export interface RawKernel {
  readonly id: string;
  /** Runs code to its end and returns the reply's status. */
  execute(code: string): Promise<string>;
  /** Sends code and does not wait. */
  send(code: string): void;
  /** Asks for memory and pid on the control channel, and waits for the answer. */
  askUsage(): Promise<void>;
  /** Leaves the kernel; it lives on. */
  leave(): Promise<void>;
}

/** Starts a kernel for a notebook path, as a session of its own, and connects to it. */
export async function startRawKernel(endpoint: Endpoint, notebookPath: string): Promise<RawKernel> {
  const body = { path: notebookPath, name: '', type: 'notebook', kernel: { name: 'python3' } };
  const answer = await fetch(`${endpoint.baseUrl}api/sessions`, {
    method: 'POST',
    headers: { ...endpoint.headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  const session: unknown = await answer.json();
  const id = String(Reflect.get(Object(Reflect.get(Object(session), 'kernel')), 'id'));
  const url = `${endpoint.baseUrl.replace('http', 'ws')}api/kernels/${id}/channels?session_id=${randomUUID()}`;
  const socket = new WebSocket(url, { headers: endpoint.headers });
  await once(socket, 'open');
  const replies = new Map<string, (status: string) => void>();
  socket.on('message', (data, isBinary) => {
    if (isBinary || !(data instanceof Buffer)) return;
    const message: unknown = JSON.parse(data.toString());
    const type: unknown = Reflect.get(Object(Reflect.get(Object(message), 'header')), 'msg_type');
    const parent: unknown = Reflect.get(
      Object(Reflect.get(Object(message), 'parent_header')),
      'msg_id',
    );
    const status: unknown = Reflect.get(Object(Reflect.get(Object(message), 'content')), 'status');
    if (typeof type === 'string' && type.endsWith('_reply'))
      replies.get(String(parent))?.(String(status));
  });
  const request = (channel: string, type: string, content: object): string => {
    const header = {
      msg_id: randomUUID(),
      msg_type: type,
      session: id,
      username: '',
      version: '5.3',
      date: new Date().toISOString(),
    };
    socket.send(
      JSON.stringify({ channel, header, parent_header: {}, metadata: {}, content, buffers: [] }),
    );
    return header.msg_id;
  };
  const replied = (msgId: string): Promise<string> =>
    new Promise((resolve) => replies.set(msgId, resolve));
  const executeRequest = (code: string): string =>
    request('shell', 'execute_request', {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
    });
  return {
    id,
    execute: (code) => replied(executeRequest(code)),
    send: (code) => void executeRequest(code),
    async askUsage() {
      await replied(request('control', 'usage_request', {}));
    },
    async leave() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
