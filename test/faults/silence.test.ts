/** A server or a kernel that hangs when a session is attached again: calls end in time, the notebook can be worked on, and it heals. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { call, callError, idOf, type Answer } from '../mcp/call.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { killKernel, Lane, signal, type Program } from './lane.ts';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
}, 240_000);
afterAll(() => lane.end(), 60_000);

async function startProgram(): Promise<Program> {
  const program = await lane.program();
  onTestFinished(() => program.client.close().catch(() => undefined));
  return program;
}

interface Left {
  readonly session_id: string;
  readonly file: string;
  readonly kernelPid: number;
  /** Runs in the kernel until the file `go` is there. */
  readonly runId: string;
}

/** A session whose program is killed while code runs. */
async function leaveSession(name: string): Promise<Left> {
  const program = await startProgram();
  const started = await call(program.client, 'start_new_notebook', { experiment_name: name });
  const session_id = idOf(started, 'session_id');
  const pid = await call(program.client, 'execute_code', {
    session_id,
    code: 'import os, time\nprint("pid", os.getpid())',
  });
  const run = await call(program.client, 'execute_code', {
    session_id,
    code: 'for i in range(20):\n    print("line", i, flush=True)\n    time.sleep(0.05)\nx = 42',
    wait_s: 0.1,
  });
  await program.kill();
  return {
    session_id,
    file: idOf(started, 'notebook_path'),
    kernelPid: Number(/pid (\d+)/.exec(pid.text)?.[1]),
    runId: idOf(run, 'run_id'),
  };
}

function stopped(pid: number): () => void {
  signal(pid, 'SIGSTOP');
  const wake = (): void => signal(pid, 'SIGCONT');
  onTestFinished(wake);
  return wake;
}

const sessionsIn = ({ text }: Answer): readonly string[] => text.match(/^s-\w+/gm) ?? [];

/** Far below the minute that a handshake, or a proof of readiness, may take. */
const IN_TIME_MS = 30_000;

const who = [
  ['the server', () => lane.serverPid],
  ['the kernel', ({ kernelPid }: Left) => kernelPid],
] as const;

describe.each(who)('%s hangs when a session is attached again', (_name, pidOf) => {
  it(
    'calls end in time and say what is not known, cells are kept, and all goes on when it answers',
    async () => {
      const left = await leaveSession('hanging');
      const { session_id, file } = left;
      const wake = stopped(pidOf(left));
      const { client } = await startProgram();

      const attached = await call(client, 'attach_to_session', { session_id, wait_s: 1 });
      expect(attached.text).toContain('not-attached');
      expect(attached.text).toContain('Whether they live is not known');
      const listed = await call(client, 'list_sessions');
      expect(listed.text).toContain('not-attached');
      const queued = await call(client, 'execute_code', {
        session_id,
        code: 'print("x is", x)',
        wait_s: 0.5,
      });
      expect(queued.meta).toMatchObject({ state: 'queued' });
      const text = await call(client, 'add_markdown', { session_id, markdown: 'meanwhile' });
      expect(await readNotebookFile(file)).toContainEqual(
        expect.objectContaining({ id: idOf(text, 'cell_id'), source: 'meanwhile' }),
      );

      wake();
      const done = await call(client, 'get_run', { run_id: left.runId, wait_s: 60 });
      expect(done.meta).toMatchObject({ state: 'ok' });
      const after = await call(client, 'get_run', { run_id: idOf(queued, 'run_id'), wait_s: 60 });
      expect(after.meta).toMatchObject({ state: 'ok' });
      expect(after.text).toContain('x is 42');
    },
    IN_TIME_MS + 60_000,
  );
});

it(
  'a kernel that hangs for good is replaced by restart_kernel, and what ran in it is lost',
  async () => {
    const left = await leaveSession('replaced');
    const { session_id } = left;
    stopped(left.kernelPid);
    const { client } = await startProgram();
    const restarted = await call(client, 'restart_kernel', { session_id });
    expect(restarted.text).toMatch(/variables/i);
    const lost = await call(client, 'get_run', { run_id: left.runId, wait_s: 5 });
    expect(lost.meta).toMatchObject({ state: 'lost' });
    const fresh = await call(client, 'execute_code', { session_id, code: '"x" in globals()' });
    expect(fresh.text).toContain('False');
    killKernel(left.kernelPid);
  },
  IN_TIME_MS + 60_000,
);

it(
  'a kernel of somebody else is not attached when the server hangs, and nothing is left of the try',
  async () => {
    const program = await startProgram();
    const before = sessionsIn(await call(program.client, 'list_sessions'));
    const kernel = await lane.ask('POST', 'api/kernels');
    const kernel_id = String(Reflect.get(Object(kernel), 'id'));
    const wake = stopped(lane.serverPid);
    const error = await callError(program.client, 'attach_to_session', { kernel_id, wait_s: 0 });
    expect(error).toContain('server/unreachable');
    wake();
    expect(sessionsIn(await call(program.client, 'list_sessions'))).toEqual(before);
    await call(program.client, 'attach_to_session', { kernel_id });
    await lane.ask('DELETE', `api/kernels/${kernel_id}`);
  },
  IN_TIME_MS + 60_000,
);
