/** How the process of the server begins and ends, seen from outside: streams, signals, size of messages. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import { runProgram } from '../rigs/program.ts';
import { unpackBundle } from '../rigs/bundle.ts';

interface Server {
  readonly process: ChildProcess;
  readonly lines: readonly string[];
  readonly stderr: () => string;
  send(message: object): void;
  /** The answer to the request of that id. */
  answer(id: number): Promise<Record<string, unknown>>;
}

const CLIENT = { clientInfo: { name: 'test', version: '0' }, capabilities: {} };

/** The bundled server without a client in between, past the handshake. */
async function startRaw(): Promise<Server> {
  const bundle = unpackBundle();
  const child = spawn(process.execPath, [bundle.file('mcp.mjs')], {
    cwd: bundle.project,
    env: { PATH: process.env['PATH'], HOME: bundle.home },
  });
  const lines: string[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    child.emit('line');
  });
  child.stdin.on('error', () => undefined);
  const parsed = (): Record<string, unknown>[] =>
    lines.map((line): unknown => JSON.parse(line)).filter(isRecord);
  const server: Server = {
    process: child,
    lines,
    stderr: () => stderr,
    send: (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    async answer(id) {
      for (;;) {
        const found = parsed().find((message) => message['id'] === id);
        if (found !== undefined) return found;
        await once(child, 'line');
      }
    },
  };
  server.send({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', ...CLIENT },
  });
  await server.answer(1);
  server.send({ method: 'notifications/initialized' });
  return server;
}

describe('P6, R8, X97: the server ends by itself', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('on %s', async (signal) => {
    const { process: child } = await startRaw();
    const exited = once(child, 'exit');
    child.kill(signal);
    expect(await exited).toEqual([0, null]);
  });

  it('at the end of its input', async () => {
    const { process: child } = await startRaw();
    const exited = once(child, 'exit');
    child.stdin?.end();
    expect(await exited).toEqual([0, null]);
  });

  it('when nobody reads its output any more', async () => {
    const server = await startRaw();
    const exited = once(server.process, 'exit');
    server.process.stdout?.destroy();
    server.send({ id: 2, method: 'tools/list', params: {} });
    await exited;
  });

  it('on SIGINT and SIGTERM one after the other, as Claude Code sends them', async () => {
    const { process: child } = await startRaw();
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});

describe('the end waits for what must be kept', () => {
  const program = (flush: string): string => `
    import { watchLifecycle } from '#mcp/lifecycle.ts';
    const log = { debug: () => {}, info: () => {}, warn: console.log, error: console.log };
    const clock = {
      monotonic: () => performance.now(),
      after: (ms, callback) => { const timer = setTimeout(callback, ms); return () => clearTimeout(timer); },
    };
    watchLifecycle({ log, clock, flush: ${flush}, exit: (code) => process.exit(code) });
    setInterval(() => {}, 1000);
    console.log('READY');
  `;

  it('flushes before it exits', async () => {
    const server = runProgram(
      program(
        `async () => { await new Promise((r) => setTimeout(r, 50)); console.log('FLUSHED'); }`,
      ),
    );
    await server.printed('READY');
    server.process.kill('SIGTERM');
    expect(await server.ended).toMatchObject({
      code: 0,
      output: expect.stringContaining('FLUSHED'),
    });
  });

  it('does not wait for ever for a flush that hangs, and says so', async () => {
    const server = runProgram(program(`() => new Promise(() => {})`));
    await server.printed('READY');
    server.process.kill('SIGTERM');
    expect(await server.ended).toMatchObject({
      code: 0,
      output: expect.stringContaining('ending before everything was saved'),
    });
  });

  it('ends at once when the same signal comes again', async () => {
    const server = runProgram(
      program(`() => { console.log('FLUSHING'); return new Promise(() => {}); }`),
    );
    await server.printed('READY');
    server.process.kill('SIGINT');
    await server.printed('FLUSHING');
    server.process.kill('SIGINT');
    expect((await server.ended).output).toContain('ending at once');
  });

  it('flushes after an error nobody caught, and reports failure', async () => {
    const { ended } = runProgram(
      `${program(`async () => console.log('FLUSHED')`)} setTimeout(() => { throw new Error('surprise'); }, 10);`,
    );
    const { code, output } = await ended;
    expect(code).toBe(1);
    expect(output).toMatch(/surprise[\s\S]*FLUSHED/);
  });
});

describe('P7, P18: messages', () => {
  it('nothing but protocol reaches stdout', async () => {
    const server = await startRaw();
    server.send({ id: 2, method: 'tools/list', params: {} });
    await server.answer(2);
    server.process.stdin?.end();
    await once(server.process, 'exit');
    expect(server.lines.map((line) => JSON.parse(line).jsonrpc)).toEqual(['2.0', '2.0']);
  });

  it('a line that is no message is survived', async () => {
    const server = await startRaw();
    server.process.stdin?.write('this is no JSON\n{"jsonrpc":"2.0"}\n\n');
    server.send({ id: 2, method: 'tools/list', params: {} });
    expect(await server.answer(2)).toHaveProperty('result.tools');
  });

  it('an argument of 12 MB is answered', async () => {
    const server = await startRaw();
    const code = 'x'.repeat(12 * 1024 * 1024);
    server.send({
      id: 2,
      method: 'tools/call',
      params: { name: 'execute_code', arguments: { session_id: 's-none', code } },
    });
    expect(await server.answer(2)).toMatchObject({ result: { isError: true } });
  });

  it('a message above the limit is refused with an answer, and the connection goes on', async () => {
    const server = await startRaw();
    const code = 'x'.repeat(65 * 1024 * 1024);
    server.send({
      id: 2,
      method: 'tools/call',
      params: { name: 'execute_code', arguments: { code } },
    });
    expect(await server.answer(2)).toMatchObject({
      error: { message: expect.stringMatching(/larger than the 64 MiB .* file/) },
    });
    server.send({ id: 3, method: 'tools/list', params: {} });
    expect(await server.answer(3)).toHaveProperty('result.tools');
  });

  it('one whose id cannot be found ends the connection, with the reason in the log', async () => {
    const server = await startRaw();
    const exited = once(server.process, 'exit');
    server.process.stdin?.write(`${'x'.repeat(65 * 1024 * 1024)}\n`);
    await exited;
    expect(server.stderr()).toContain('is larger than the 64 MiB');
  });
});
