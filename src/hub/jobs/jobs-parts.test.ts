/** The parts of following a log that need no service: events in pieces, lines that come again, hardware and prices. */
import { expect, it } from 'vitest';
import { createEventReader } from './event-stream.ts';
import { LogReader } from './follow-logs.ts';
import { isFinal, jobAnswer } from './job.ts';
import { renderSizing } from './sizing.ts';

it('reads events however their bytes are cut', () => {
  const stream = Buffer.from(
    ': keep-alive\n\ndata: {"data":"naïve 🧤"}\r\n\r\nevent: x\ndata:two\ndata: lines\n\ndata: unfinished\n',
  );
  for (let size = 1; size < stream.length; size += 1) {
    const seen: string[] = [];
    const read = createEventReader((data) => void seen.push(data));
    for (let at = 0; at < stream.length; at += size) read(stream.subarray(at, at + size));
    expect(seen).toEqual(['{"data":"naïve 🧤"}', 'two\nlines']);
  }
});

it('tells every line once, also several of one moment, from any position', () => {
  const lines = ['a1', 'a2', 'a2', 'a2', 'a3', 'a3'].map((timestamp, at) => ({
    timestamp,
    text: String(at),
  }));
  for (let cut = 0; cut <= lines.length; cut += 1) {
    const first = new LogReader(undefined);
    first.begin();
    const told = lines.slice(0, cut).filter((line) => first.isNew(line));
    // Another process, which knows the position only, and sees the whole log again.
    const second = new LogReader(first.position);
    second.begin();
    told.push(...lines.filter((line) => second.isNew(line)));
    second.begin();
    told.push(...lines.filter((line) => second.isNew(line)));
    expect(told).toEqual(lines);
  }
});

it('loses no line whose moment is written otherwise, goes back, or is missing', () => {
  const linesOf = (ends: readonly string[]) =>
    ends.map((end, at) => ({ timestamp: end && `2026-01-01T00:00:${end}`, text: String(at) }));
  const back = linesOf(['01Z', '00.5Z', '01Z', '', '00.7Z']);
  const whole = new LogReader(undefined);
  for (let connection = 0; connection < 2; connection += 1) {
    whole.begin();
    const told = back.filter((line) => whole.isNew(line));
    expect(told).toEqual(connection === 0 ? back : []);
  }
  const lines = linesOf(['00.4Z', '00.45Z', '', '00.450Z', '00.5Z', '01Z', '01.25Z', '', '02Z']);
  for (let cut = 0; cut <= lines.length; cut += 1) {
    const first = new LogReader(undefined);
    first.begin();
    const told = lines.slice(0, cut).filter((line) => first.isNew(line));
    const second = new LogReader(first.position);
    second.begin();
    told.push(...lines.filter((line) => second.isNew(line)));
    expect(told).toEqual(lines);
  }
});

it('H1: takes only four stages for final, and an answer with surprises for an answer', () => {
  expect(['COMPLETED', 'CANCELED', 'ERROR', 'DELETED'].every(isFinal)).toBe(true);
  expect(['RUNNING', 'SCHEDULING', 'UPDATING', 'PAUSED', 'completed', ''].some(isFinal)).toBe(
    false,
  );
  const job = jobAnswer.parse({
    id: 'x',
    status: { stage: 'NEW_ONE', message: null, exposeUrls: 'none' },
    createdAt: 'yesterday',
    labels: ['odd'],
    volumes: [{ type: 'model' }],
    owner: null,
    more: 1,
  });
  expect(job).toMatchObject({ id: 'x', status: { stage: 'NEW_ONE', exposeUrls: [] }, volumes: [] });
  expect([job.createdAt, job.labels, job.owner]).toEqual([undefined, undefined, undefined]);
});

it('12: names no hardware that is not there', () => {
  const text = renderSizing(['t4-small', 'l40sx1']).join('\n');
  expect(text).toContain('up to 1B: LoRA or QLoRA t4-small; full nothing that is offered now');
  expect(text).toContain('7B to 13B: LoRA or QLoRA l40sx1 (QLoRA);');
  expect(text).not.toMatch(/a100|h200/);
});
