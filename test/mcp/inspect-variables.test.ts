/** inspect_variables through MCP on a real kernel, with ordinary, strange and hostile objects. */
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

let world: World;
let app: App;

beforeAll(async () => {
  world = createWorld();
  app = await world.newApp({ inspectMs: 3000 });
}, 240_000);
afterAll(() => world.end());

const clientOf = async (): Promise<Client> =>
  (await connect('modern', { tools, services: async () => app.services })).client;

async function sessionWith(mcp: Client, name: string, code: string): Promise<string> {
  const session_id = idOf(
    await call(mcp, 'start_new_notebook', { experiment_name: name }),
    'session_id',
  );
  const ran = await call(mcp, 'execute_code', { session_id, code });
  expect(ran.meta, ran.text).toMatchObject({ state: 'ok' });
  return session_id;
}

/** The line of one variable. */
async function rowOf(mcp: Client, session_id: string, name: string): Promise<string> {
  const { text } = await call(mcp, 'inspect_variables', { session_id });
  return (
    text.split('\n').find((line) => line.startsWith(`${name} · `)) ?? `no ${name} in:\n${text}`
  );
}

it('lists arrays, frames, texts and collections, largest first', async () => {
  const mcp = await clientOf();
  const session_id = await sessionWith(
    mcp,
    'ordinary',
    [
      'import numpy as np, pandas as pd',
      'big = np.zeros((1000, 100), dtype="float32")',
      'frame = pd.DataFrame({"a": range(1000), "b": [0.5] * 1000})',
      'series = pd.Series([1, 2, 3], name="s")',
      'text = "hello " * 1000',
      'numbers = list(range(5000))',
      'nested = {"k": [1, 2, {"deep": [3]}], "array": np.arange(3)}',
      'scalar = np.float64(2.5)',
      'count = 3',
      'def helper(): pass',
      'class Point:\n    def __init__(self): self.x, self.y = 1, "two"',
      'point = Point()',
    ].join('\n'),
  );
  const { text, meta } = await call(mcp, 'inspect_variables', { session_id });
  const rows = text.split('\n');
  expect(rows[0]).toBe(
    'big · numpy.ndarray · (1000, 100) · float32 · 391 KiB · [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ...]',
  );
  expect(await rowOf(mcp, session_id, 'frame')).toMatch(
    /^frame · pandas\.[\w.]*DataFrame · \(1000, 2\) · float64, int64 · .* · columns \['a', 'b'\]$/,
  );
  expect(await rowOf(mcp, session_id, 'series')).toContain('(3) · int64 · ');
  expect(await rowOf(mcp, session_id, 'text')).toMatch(
    /^text · str · \(6000\) · .* · 'hello hello/,
  );
  expect(await rowOf(mcp, session_id, 'numbers')).toContain(
    '[0, 1, 2, 3, 4, 5, 6, 7, ... 5000 in all]',
  );
  expect(await rowOf(mcp, session_id, 'nested')).toContain("{'k': [1, 2, {1 items}], 'array': ");
  expect(await rowOf(mcp, session_id, 'scalar')).toContain('2.5');
  expect(await rowOf(mcp, session_id, 'count')).toMatch(/ · 3$/);
  expect(await rowOf(mcp, session_id, 'point')).toContain("Point(x=1, y='two')");
  expect(text).toContain('4 modules, functions and classes are not listed');
  expect(meta).toMatchObject({ count: 9, shown: 9 });
  const few = await call(mcp, 'inspect_variables', { session_id, limit: 1 });
  expect(few.text).toContain('8 smaller variables are not listed');
  const named = await call(mcp, 'inspect_variables', {
    session_id,
    names: ['np', 'count', 'nope'],
  });
  expect(named.text).toContain('np · module');
  expect(named.text).toContain('not defined: nope');
  expect(named.text).not.toContain('frame');
});

it('costs a failing or strange object only its row, and runs no code of theirs that it can avoid', async () => {
  const mcp = await clientOf();
  const session_id = await sessionWith(
    mcp,
    'hostile',
    [
      'calls = []',
      'class Raising:',
      '    __slots__ = ()',
      '    def __repr__(self): calls.append("repr"); raise RuntimeError("repr")',
      '    def __len__(self): calls.append("len"); raise SystemExit(3)',
      '    def __iter__(self): calls.append("iter"); raise RuntimeError("iter")',
      '    def __bool__(self): calls.append("bool"); raise RuntimeError("bool")',
      '    def __eq__(self, other): calls.append("eq"); raise RuntimeError("eq")',
      '    __hash__ = None',
      '    @property',
      '    def shape(self): calls.append("shape"); raise RuntimeError("shape")',
      '    @property',
      '    def __class__(self): calls.append("class"); raise RuntimeError("class")',
      '    def __getattr__(self, name): calls.append(name); raise RuntimeError(name)',
      'class Sized:\n    def __sizeof__(self): raise SystemExit(4)',
      'class Meta(type):\n    def __getattribute__(cls, name): raise RuntimeError("meta")',
      'raising, sized = Raising(), Sized()',
      'odd = Meta("Odd", (), {})()',
      'loop = []; loop.append(loop); loop.append({"self": loop})',
      'deep = []',
      'for _i2 in range(5000): deep = [deep]',
      'huge_int = 10 ** 100_000',
      'huge_text = "x" * 20_000_000',
      'listed = [raising, sized, odd]',
      'class Shy(list):\n    def __len__(self): calls.append("shy len"); return 10**9\n    def __iter__(self): calls.append("shy iter"); return iter(int, 1)',
      'shy = Shy([1])',
      'surrogate = "\\ud83d"',
      'del _i2',
    ].join('\n'),
  );
  const { text, meta } = await call(mcp, 'inspect_variables', { session_id });
  expect(meta, text).toMatchObject({ state: 'ok', count: 11, shown: 11 });
  expect(text).toContain('raising · Raising · ');
  expect(text).toContain('huge_int · int · ');
  expect(text).toContain('bits>');
  expect(text).toContain('loop · list · (2) · ');
  expect(text.length).toBeLessThan(3000);
  const called = await call(mcp, 'execute_scratch', { session_id, code: 'calls' });
  expect(called.text).toContain('[]');
});

it('shows tensors with their device, and neither reads their values nor waits for the device', async () => {
  const mcp = await clientOf();
  // torch is large; what counts is which of its attributes are touched.
  const session_id = await sessionWith(
    mcp,
    'tensors',
    [
      'class Tensor:',
      '    def __init__(self, shape, device, dtype): self.shape, self.device, self.dtype = shape, device, dtype',
      '    @property',
      '    def nbytes(self): return 2 * self.shape[0] * self.shape[1]',
      '    def __getattr__(self, name): raise AssertionError("touched " + name)',
      '    def __repr__(self): raise AssertionError("synchronised")',
      'Tensor.__module__ = "torch"',
      'weights = Tensor((4096, 4096), "cuda:0", "torch.bfloat16")',
      'class ArrayImpl:',
      '    shape, dtype, nbytes = (2, 3), "float32", 24',
      '    def devices(self): return {"TPU_0"}',
      '    def __array__(self, *a): raise AssertionError("synchronised")',
      'ArrayImpl.__module__ = "jaxlib._jax"',
      'jaxed = ArrayImpl()',
      'class Model:',
      '    def parameters(self): return [P(), P()]',
      'class P:\n    def numel(self): return 10\n    def element_size(self): return 4',
      'Module = type("Module", (Model,), {"__module__": "torch.nn.modules.module"})',
      'model = type("Net", (Module,), {})()',
    ].join('\n'),
  );
  expect(await rowOf(mcp, session_id, 'weights')).toBe(
    'weights · torch.Tensor · (4096, 4096) · torch.bfloat16 · cuda:0 · 32 MiB · (values stay on the device)',
  );
  expect(await rowOf(mcp, session_id, 'jaxed')).toBe(
    'jaxed · jaxlib._jax.ArrayImpl · (2, 3) · float32 · TPU_0 · 24 B · (values not read)',
  );
  expect(await rowOf(mcp, session_id, 'model')).toMatch(/^model · Net · .*80 B · 20 parameters$/);
});

it('leaves names, history, counters and _ as they are, and no cell', async () => {
  const mcp = await clientOf();
  const session_id = await sessionWith(mcp, 'traces', 'before = set(globals()); "last"');
  await call(mcp, 'inspect_variables', { session_id });
  const code = '(_, len(In), sorted(set(globals()) - before - {"before"}))';
  const after = await call(mcp, 'execute_code', { session_id, code });
  expect(after.text).toContain("'last'");
  expect(after.meta).toMatchObject({ execution_count: 2, cell_index: 1 });
  expect(after.text).not.toContain('glovebox');
  const names = /\[('[^\]]*)\]/.exec(after.text)?.[1]?.split(', ') ?? [];
  expect(names.length).toBeGreaterThan(0);
  expect(names.every((name) => name.startsWith("'_"))).toBe(true);
});

it('answers busy without queueing, and says what occupies the kernel', async () => {
  const mcp = await clientOf();
  const session_id = await sessionWith(mcp, 'busy', 'import time');
  const code = 'while True: time.sleep(0.05)';
  const started = await call(mcp, 'execute_code', { session_id, code, wait_s: 0.3 });
  const busy = await call(mcp, 'inspect_variables', { session_id });
  expect(busy.meta).toMatchObject({ state: 'busy' });
  expect(busy.text).toContain(`run ${idOf(started, 'run_id')} is running`);
  expect((await app.services.sessions.get(session_id)).queue.runs).toHaveLength(1);
  await call(mcp, 'interrupt_kernel', { session_id });
});

it('gives up on an object that never answers, and the kernel goes on', async () => {
  const mcp = await clientOf();
  const session_id = await sessionWith(
    mcp,
    'hanging',
    'import time\nclass Array:\n    @property\n    def shape(self):\n        while True: time.sleep(0.05)\nArray.__module__ = "torch"\nhanging, fine = Array(), 1',
  );
  const text = await callError(mcp, 'inspect_variables', { session_id });
  expect(text).toContain('[kernel/unresponsive');
  expect(text).toContain('names=[...]');
  const one = await call(mcp, 'inspect_variables', { session_id, names: ['fine'] });
  expect(one.text).toContain('fine · int');
});

it('says so for a kernel of another language', async () => {
  const mcp = await clientOf();
  const session_id = await sessionWith(mcp, 'language', '1');
  const session = await app.services.sessions.get(session_id);
  await session.updateRecord({ kernel: { name: 'ir', display_name: 'R', language: 'R' } });
  const text = await callError(mcp, 'inspect_variables', { session_id });
  expect(text).toContain('works for Python kernels; this one runs R');
});
