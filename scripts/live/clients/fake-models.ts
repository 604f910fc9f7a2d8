/** Models of three vendors on loopback that say what a script says: first one call of a tool, then the end. */
import http from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface FakeModels {
  readonly url: string;
  /** Bodies of all requests that may hold what the model was shown. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

export interface ScriptedCall {
  readonly name: string;
  readonly namespace?: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export const LAST_WORDS = 'SCRIPT-AT-ITS-END';

/** A request that offers the tool gets the call of it until an answer to that call has come; every other request gets the last words. */
export async function startFakeModels(call: ScriptedCall): Promise<FakeModels> {
  const seen: string[] = [];
  const answer = async (
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> => {
    const body = (await buffer(request)).toString('utf8');
    const path = request.url ?? '';
    seen.push(body);
    const speak = VENDORS.find(({ matches }) => matches.test(path))?.speak;
    if (speak === undefined || request.method !== 'POST') {
      sendJson(response, 404, { data: [], models: [] });
      return;
    }
    const isOffered = body.includes(`"${call.name}"`);
    const events = speak(isOffered && !ANSWERED.test(body) ? call : undefined);
    if (!/stream/i.test(path) && !/"stream":\s*true/.test(body)) {
      sendJson(response, 200, events[0]);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) {
      const type = typeof event['type'] === 'string' ? `event: ${event['type']}\n` : '';
      response.write(`${type}data: ${JSON.stringify(event)}\n\n`);
    }
    response.end(/chat\/completions/.test(path) ? 'data: [DONE]\n\n' : undefined);
  };
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function sendJson(response: http.ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** How the three say that a tool has answered. */
const ANSWERED = /"function_call_output"|"functionResponse"|"role":\s*"tool"/;

type Event = Readonly<Record<string, unknown>>;

const VENDORS: readonly {
  readonly matches: RegExp;
  readonly speak: (call: ScriptedCall | undefined) => readonly Event[];
}[] = [
  { matches: /\/responses/, speak: asResponses },
  { matches: /enerateContent/, speak: asGemini },
  { matches: /\/chat\/completions/, speak: asChatCompletions },
];

function asResponses(call: ScriptedCall | undefined): readonly Event[] {
  const item =
    call === undefined
      ? {
          type: 'message',
          role: 'assistant',
          id: 'msg_1',
          content: [{ type: 'output_text', text: LAST_WORDS, annotations: [] }],
        }
      : {
          type: 'function_call',
          id: 'fc_1',
          call_id: 'call_1',
          name: call.name,
          ...(call.namespace !== undefined && { namespace: call.namespace }),
          arguments: JSON.stringify(call.input),
        };
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  return [
    { type: 'response.created', response: { id: 'resp_1' } },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: { id: 'resp_1', usage, output: [item] } },
  ];
}

function asGemini(call: ScriptedCall | undefined): readonly Event[] {
  const part =
    call === undefined
      ? { text: LAST_WORDS }
      : { functionCall: { name: call.name, args: call.input } };
  return [
    {
      candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    },
  ];
}

function asChatCompletions(call: ScriptedCall | undefined): readonly Event[] {
  const delta =
    call === undefined
      ? { role: 'assistant', content: LAST_WORDS }
      : {
          role: 'assistant',
          tool_calls: [
            {
              index: 0,
              id: 'call_1',
              type: 'function',
              function: { name: call.name, arguments: JSON.stringify(call.input) },
            },
          ],
        };
  const base = { id: 'chat_1', object: 'chat.completion.chunk', created: 1, model: 'fake' };
  const finish = call === undefined ? 'stop' : 'tool_calls';
  return [
    { ...base, choices: [{ index: 0, delta, finish_reason: null }] },
    { ...base, choices: [{ index: 0, delta: {}, finish_reason: finish }] },
  ];
}
