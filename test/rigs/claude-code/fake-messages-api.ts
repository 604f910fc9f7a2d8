/** A fake Messages API on loopback: it plays the model from a script, so that a real Claude Code can be tested offline. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';

/** What Claude Code sends, the fields that tests look at. */
const requestSchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
  tool_choice: z.looseObject({ type: z.string() }).optional(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })),
});
export type ModelRequest = z.infer<typeof requestSchema>;

/** One answer of the model. */
export interface Turn {
  readonly text?: string;
  /** Tools that the model calls, all in this turn. */
  readonly tools?: readonly { readonly name: string; readonly input: unknown }[];
}
/** A turn may depend on what the model was told, e.g. on an id in the last tool result. */
export type ScriptedTurn = Turn | ((request: ModelRequest) => Turn);

export interface FakeMessagesApi {
  readonly url: string;
  /** The requests that used up a turn, in order: exactly what a model would have seen. */
  readonly requests: readonly ModelRequest[];
  /** Requests to places that this fake does not know. */
  readonly unexpected: readonly string[];
  close(): Promise<void>;
}

/** After the last turn the model answers this, so that a test sees that the script ran out. */
const EXHAUSTED: Turn = { text: 'SCRIPT-EXHAUSTED' };
/** A request without tools is a side question of the client (a title, say) and does not use up a turn. */
const SIDE_ANSWER: Turn = { text: '{"title":"fake"}' };

export async function startFakeMessagesApi(
  turns: readonly ScriptedTurn[],
): Promise<FakeMessagesApi> {
  const requests: ModelRequest[] = [];
  const unexpected: string[] = [];

  const nextTurn = (request: ModelRequest): Turn => {
    if (request.tools === undefined || request.tools.length === 0) return SIDE_ANSWER;
    if (request.tool_choice?.type === 'tool') return SIDE_ANSWER;
    requests.push(request);
    const turn = turns[requests.length - 1] ?? EXHAUSTED;
    return typeof turn === 'function' ? turn(request) : turn;
  };

  const answer = (
    request: http.IncomingMessage,
    response: http.ServerResponse,
    raw: string,
  ): void => {
    const { pathname } = new URL(request.url ?? '/', 'http://fake');
    if (pathname === '/v1/messages/count_tokens') {
      sendJson(response, 200, { input_tokens: Math.ceil(raw.length / 4) });
    } else if (pathname === '/v1/messages' && request.method === 'POST') {
      const body = requestSchema.parse(JSON.parse(raw));
      sendAnswer(response, body, nextTurn(body), requests.length);
    } else if (request.method === 'HEAD') {
      response.writeHead(200).end(); // a reachability probe
    } else {
      unexpected.push(`${request.method} ${request.url}`);
      sendError(response, 404, 'not_found_error', `the fake does not know ${request.url}`);
    }
  };

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      try {
        answer(request, response, Buffer.concat(chunks).toString('utf8'));
      } catch (error) {
        unexpected.push(String(error));
        sendError(response, 400, 'invalid_request_error', String(error));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    requests,
    unexpected,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string')
    throw new TypeError('expected a TCP address');
  return address.port;
}

function contentOf(turn: Turn, round: number): Record<string, unknown>[] {
  const text = turn.text === undefined ? [] : [{ type: 'text', text: turn.text }];
  const calls = (turn.tools ?? []).map(({ name, input }, index) => ({
    type: 'tool_use',
    id: `toolu_fake_${round}_${index}`,
    name,
    input,
  }));
  const content = [...text, ...calls];
  return content.length > 0 ? content : [{ type: 'text', text: 'ok' }];
}

function sendAnswer(
  response: http.ServerResponse,
  request: ModelRequest,
  turn: Turn,
  round: number,
): void {
  const content = contentOf(turn, round);
  const stopReason = content.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn';
  const message = {
    id: `msg_fake_${round}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 10,
      output_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    },
  };
  if (request.stream !== true) {
    sendJson(response, 200, { ...message, content, stop_reason: stopReason });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_fake' });
  const send = (type: string, fields: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  };
  send('message_start', { message });
  for (const [index, block] of content.entries()) {
    const isText = block['type'] === 'text';
    send('content_block_start', {
      index,
      content_block: isText ? { type: 'text', text: '' } : { ...block, input: {} },
    });
    send('content_block_delta', {
      index,
      delta: isText
        ? { type: 'text_delta', text: block['text'] }
        : { type: 'input_json_delta', partial_json: JSON.stringify(block['input']) },
    });
    send('content_block_stop', { index });
  }
  send('message_delta', {
    delta: { stop_reason: stopReason, stop_sequence: null },
    usage: { output_tokens: 5 },
  });
  send('message_stop', {});
  response.end();
}

function sendJson(response: http.ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_fake' });
  response.end(JSON.stringify(value));
}

function sendError(
  response: http.ServerResponse,
  status: number,
  type: string,
  message: string,
): void {
  sendJson(response, status, { type: 'error', error: { type, message } });
}
