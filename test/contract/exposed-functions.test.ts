/** The server of exposed functions by itself: schemas, the token, the queue, and what it says of errors. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { testPython } from '../rigs/python.ts';

const SOURCE = `
from __future__ import annotations
import dataclasses, enum, time
from typing import Annotated, Any, Literal, Optional, Union
from glovebox_interface import expose as offer
import numpy

class Colour(enum.Enum):
    RED = "red"

@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0

@expose
def echo(
    words: list[str], /,
    point: Point = Point(1.0),
    *,
    colour: Colour = Colour.RED,
    pair: tuple[int, str] = (1, "a"),
    limit: Annotated[Optional[int], "how many at most"] = None,
    either: Union[int, str] = 1,
    mapping: dict[str, float] = {},
    free: Any = None,
) -> Any:
    """Gives back what it got.

    Args:
        words: what is said,
            over two lines
        point (Point): where
    """
    return [words, point, colour, pair, limit, either, mapping, free]

@offer(name="numpy_way")
def other(count: int):
    """Doubles.

    Parameters
    ----------
    count : int
        how many

    Returns
    -------
    list
    """
    return numpy.arange(count) * 2

@expose
async def sphinx(seconds: float) -> str:
    """Sleeps.

    :param float seconds: how long
    """
    time.sleep(seconds)
    return "slept"

@expose(parallel=True)
def now() -> int:
    return 1

@expose
def wrong(kind: Literal["nan", "object", "raise"]):
    if kind == "raise":
        raise ValueError("for people: " + kind)
    return {"here": [float("nan") if kind == "nan" else object()]}
`;

const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-exposed-'));
let server: ChildProcess;
let address: { readonly port: number; readonly token: string };

beforeAll(async () => {
  const settings = { name: 'test', call_limit_s: 2, ends_with: process.pid };
  writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(settings));
  writeFileSync(path.join(folder, 'interface.py'), SOURCE);
  const python = path.resolve(import.meta.dirname, '../../python');
  const main = `import sys; sys.path.insert(0, ${JSON.stringify(python)}); sys.dont_write_bytecode = True; import glovebox_interface; glovebox_interface.main()`;
  server = spawn(testPython(), ['-c', main, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  const log: string[] = [];
  server.stderr?.on('data', (data: Buffer) => {
    log.push(data.toString());
    writeFileSync(path.join(folder, 'log'), log.join(''));
  });
  const place = path.join(folder, 'address.json');
  const read = (): unknown => JSON.parse(readFileSync(place, 'utf8'));
  await vi.waitFor(read, { timeout: 30_000 });
  address = z.object({ port: z.number(), token: z.string() }).parse(read());
});
afterAll(() => {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

const ask = (
  method: string,
  place: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = { authorization: `Bearer ${address.token}` },
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: address.port, path: place, method, headers };
    const sent = request(options, (response) => {
      text(response).then(
        (content) => resolve({ status: response.statusCode, body: content }),
        reject,
      );
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });

const call = async (name: string, given: unknown): Promise<unknown> => {
  const { status, body } = await ask('POST', `/call/${name}`, given);
  return [status, JSON.parse(body)];
};
const refusal = (status: number, message: RegExp, type = 'arguments'): unknown => [
  status,
  { error: { type, message: expect.stringMatching(message) } },
];

it('W7: makes schemas of signatures as they are at run time, and of three styles of docstrings', async () => {
  const { body } = await ask('GET', '/schema');
  const { functions } = z
    .object({
      functions: z.array(
        z.looseObject({
          name: z.string(),
          description: z.string(),
          input: z.looseObject({ properties: z.record(z.string(), z.unknown()) }),
        }),
      ),
    })
    .parse(JSON.parse(body));
  expect(functions.map(({ name, description }) => [name, description])).toEqual([
    ['echo', 'Gives back what it got.'],
    ['numpy_way', 'Doubles.'],
    ['sphinx', 'Sleeps.'],
    ['now', ''],
    ['wrong', ''],
  ]);
  expect(functions[0]?.input).toEqual({
    type: 'object',
    additionalProperties: false,
    required: ['words'],
    properties: {
      words: {
        type: 'array',
        items: { type: 'string' },
        description: 'what is said, over two lines',
      },
      point: {
        type: 'object',
        properties: { x: { type: 'number' }, y: { type: 'number' } },
        required: ['x'],
        additionalProperties: false,
        description: 'where',
        default: { x: 1, y: 0 },
      },
      colour: { enum: ['red'], default: 'red' },
      pair: { type: 'array', default: [1, 'a'] },
      limit: { type: 'integer', description: 'how many at most' },
      either: { anyOf: [{ type: 'integer' }, { type: 'string' }], default: 1 },
      mapping: { type: 'object', additionalProperties: { type: 'number' }, default: {} },
      free: {},
    },
  });
  expect(functions[1]?.input.properties['count']).toEqual({
    type: 'integer',
    description: 'how many',
  });
  expect(functions[2]?.input.properties['seconds']).toEqual({
    type: 'number',
    description: 'how long',
  });
});

it('takes what fits the signature, gives back what JSON can hold, and says where something does not', async () => {
  const given = {
    words: ['a'],
    point: { x: 1 },
    colour: 'red',
    pair: [2, 'b'],
    limit: 3,
    either: 'x',
    mapping: { a: 1 },
    free: { any: [null] },
  };
  const back = [['a'], { x: 1, y: 0 }, 'red', [2, 'b'], 3, 'x', { a: 1 }, { any: [null] }];
  expect(await call('echo', given)).toEqual([200, { result: back }]);
  expect(await call('numpy_way', { count: 3 })).toEqual([200, { result: [0, 2, 4] }]);
  const words = ['a'];
  expect(await call('echo', {})).toEqual(refusal(422, /missing: words/));
  expect(await call('echo', { words, more: 1 })).toEqual(refusal(422, /unknown: more/));
  expect(await call('echo', { words: ['a', 1] })).toEqual(
    refusal(422, /words\[1\] must be a text/),
  );
  expect(await call('echo', { words, colour: 'blue' })).toEqual(refusal(422, /one of 'red'/));
  expect(await call('echo', { words, point: { z: 1 } })).toEqual(refusal(422, /point has fields/));
  expect(await call('echo', { words, limit: '3' })).toEqual(refusal(422, /limit must be a whole/));
  expect(await call('echo', { words, either: [] })).toEqual(refusal(422, /either must be/));
  expect(await call('echo', [])).toEqual(refusal(400, /an object/));
  expect(await call('nothing', {})).toEqual(refusal(404, /there is: echo/, 'unknown'));
  expect(await call('wrong', { kind: 'nan' })).toEqual(
    refusal(500, /\['here'\]\[0\] is nan/, 'result'),
  );
  expect(await call('wrong', { kind: 'object' })).toEqual(refusal(500, /is no JSON/, 'result'));
  expect(await call('wrong', { kind: 'raise' })).toEqual(
    refusal(500, /^for people: raise$/, 'ValueError'),
  );
});

it('SEC1, acceptance 19: serves nobody without the token, and no browser', async () => {
  expect(await ask('GET', '/health', undefined, {})).toEqual({ status: 204, body: '' });
  const token = { authorization: `Bearer ${address.token}` };
  expect((await ask('POST', '/call/now', {}, {})).status).toBe(401);
  expect((await ask('GET', '/schema', undefined, { authorization: 'Bearer x' })).status).toBe(401);
  expect((await ask('GET', '/schema', undefined, { ...token, host: 'evil.com' })).status).toBe(403);
  expect((await ask('GET', '/schema', undefined, { ...token, origin: 'http://a' })).status).toBe(
    403,
  );
  const huge = await ask('POST', '/call/now', undefined, {
    ...token,
    'content-length': '99999999999',
  }).then(
    ({ status }) => status,
    () => 'cut',
  );
  expect([413, 'cut']).toContain(huge);
});

it('writes names, types and places into its log, and no value', async () => {
  const value = 'value-of-an-argument';
  await call('wrong', { kind: value });
  await call('echo', { words: [value], free: value });
  await call('wrong', { kind: 'raise' });
  const log = (): string => readFileSync(path.join(folder, 'log'), 'utf8');
  await expect.poll(log).toMatch(/wrong raised ValueError\n.*interface\.py:\d+ in wrong/);
  expect(log()).not.toContain(value);
  expect(log()).not.toContain('for people');
  expect(log()).not.toContain(address.token);
});

it('W9, acceptance 19: one call at a time, health and parallel functions meanwhile', async () => {
  const order: string[] = [];
  const note = async (name: string, answer: Promise<unknown>): Promise<unknown> => {
    const result = await answer;
    order.push(name);
    return result;
  };
  const long = note('long', call('sphinx', { seconds: 0.7 }));
  await expect
    .poll(async () => JSON.parse((await ask('GET', '/health')).body))
    .toEqual({ running: ['sphinx'], waiting: 0 });
  const queued = note('queued', call('sphinx', { seconds: 0 }));
  expect(await note('parallel', call('now', {}))).toEqual([200, { result: 1 }]);
  expect(await long).toEqual([200, { result: 'slept' }]);
  expect(await queued).toEqual([200, { result: 'slept' }]);
  // The other two answers are on their way at the same moment.
  expect(order[0]).toBe('parallel');
});

// The last one: the call outlives it.
it('W9: waiting ends at the limit, and says whether the call was begun', async () => {
  const endless = call('sphinx', { seconds: 600 });
  await expect.poll(async () => (await ask('GET', '/health')).body).toContain('sphinx');
  const queued = call('sphinx', { seconds: 0 });
  expect(await endless).toEqual(refusal(504, /the call goes on/, 'timeout'));
  expect(await queued).toEqual(refusal(504, /was not begun/, 'timeout'));
});
