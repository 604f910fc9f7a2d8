/** What a reply brings beside its status, and what is told of output that was lost on the way. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newUuid } from '#core/ids.ts';
import type { ExecuteReply } from '#jupyter/contract.ts';
import { systemClock as clock } from '#platform/clock.ts';
import { silentLog as log } from '#platform/log.ts';
import { finishRun } from './finish-run.ts';
import { RunJournal } from './journal.ts';
import { newRunRecord } from './new-run.ts';
import { OutputKeeper } from './output-keeper.ts';
import { OutputMask } from './output-mask.ts';
import { Run } from './run.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-finish-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function newRun(mask?: () => OutputMask): Run {
  const session = { id: 's-abcdefgh', generation: 1 };
  const record = newRunRecord({ code: 'obj?', insertedCell: false }, session, clock.now());
  return new Run({
    record: { ...record, msgId: newUuid() },
    files: new RunJournal(dir).open(record),
    clock,
    maxOutputBytes: 1e6,
    cellIndex: () => undefined,
    queuePosition: () => 0,
    ...(mask !== undefined && { mask }),
  });
}

async function finished(run: Run, reply: Partial<ExecuteReply>) {
  const outputs = new OutputKeeper({ notebook: undefined, clock, log });
  const whole: ExecuteReply = { status: 'ok', executionCount: 7, payload: [], ...reply };
  await finishRun({ run, outcome: { kind: 'replied', reply: whole }, outputs, clock });
  return run.view();
}

it('O4, X60: what "obj?" shows is output, suggested code is told, and other wishes are named', async () => {
  const view = await finished(newRun(), {
    payload: [
      { source: 'page', data: { 'text/plain': 'Signature: obj()' }, start: 0 },
      { source: 'set_next_input', text: 'next_cell()', replace: false },
      { source: 'ask_exit', keepkernel: false },
    ],
  });
  expect(view).toMatchObject({ state: 'ok', executionCount: 7, suggestedCode: 'next_cell()' });
  expect(view.outputs).toMatchObject([
    { output_type: 'display_data', data: { 'text/plain': 'Signature: obj()' } },
  ]);
  expect(view.notices.join()).toContain('exit() ends the process of the kernel');
});

it('SEC6: what a reply tells beside the outputs has no secrets in it either', async () => {
  const replace = (text: string): string => text.replaceAll('s3cret', '[x]');
  const mask = new OutputMask({ forms: ['s3cret'], replace });
  const error = { name: 's3cretError', value: 'no s3cret', traceback: [] };
  const payload = [{ source: 'set_next_input', text: 'use("s3cret")', replace: false }];
  const view = await finished(
    newRun(() => mask),
    { status: 'error', error, payload },
  );
  expect(view).toMatchObject({
    suggestedCode: 'use("[x]")',
    error: { name: '[x]Error', value: 'no [x]' },
  });
});

it('C28, X55: the notice of a server that dropped output is told as such, and what came is kept', async () => {
  const run = newRun();
  run.receiveLocal('stream', { name: 'stdout', text: 'kept\n' });
  run.receiveLocal('stream', {
    name: 'stderr',
    text: 'IOPub data rate exceeded.\nThe Jupyter server will temporarily stop sending output\n',
  });
  const view = await finished(run, {});
  expect(view.notices.join()).toContain('dropped_by_server');
  expect(JSON.stringify(view.outputs)).toContain('kept');
});

it('a program that prints the same words on stdout is not believed', async () => {
  const run = newRun();
  run.receiveLocal('stream', { name: 'stdout', text: 'IOPub data rate exceeded.\n' });
  expect((await finished(run, {})).notices).toEqual([]);
});
