/** The parts of following a log that need no service: events in pieces, lines that come again, hardware and prices. */
import { expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { createManualClock } from '../../../test/fakes/manual-clock.ts';
import { createEventReader } from './event-stream.ts';
import { LogReader } from './follow-logs.ts';
import { ifUnanswered } from './if-unanswered.ts';
import { isFinal, jobAnswer } from './job.ts';
import { compareMoments } from './moments.ts';
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

it.each([
  ['as they come', ['a1', 'a2', 'a2', 'a2', 'a3', 'a3']],
  // A full second is written without a fraction, and `Z` comes after `.` in the alphabet.
  ['moments', ['00', '00.1', '00.12', '00.120', '00.1200001', '01'].map(moment)],
  [
    'written otherwise',
    ['00.4', '00.45', '', '00.450', '00.5', '01', '01.25', '', '02'].map(
      (end) => end && moment(end),
    ),
  ],
  ['of no moment', ['', moment('00'), '', '', moment('00.5'), '']],
])('tells every line once, also several of one moment, from any position: %s', (_, timestamps) => {
  const lines = timestamps.map((timestamp, at) => ({ timestamp, text: String(at) }));
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

it('loses no line whose moment goes back, or is missing', () => {
  const linesOf = (ends: readonly string[]) =>
    ends.map((end, at) => ({ timestamp: end && `2026-01-01T00:00:${end}`, text: String(at) }));
  const back = linesOf(['01Z', '00.5Z', '01Z', '', '00.7Z']);
  const whole = new LogReader(undefined);
  for (let connection = 0; connection < 2; connection += 1) {
    whole.begin();
    const told = back.filter((line) => whole.isNew(line));
    expect(told).toEqual(connection === 0 ? back : []);
  }
});

it('knows the order of moments, however they are written', () => {
  const moments = [moment('00'), moment('00.000000001'), moment('00.25'), moment('09.9')];
  expect(moments.toReversed().toSorted(compareMoments)).toEqual(moments);
  expect(compareMoments(moment('00.5'), '2026-01-01T02:00:00.500000+02:00')).toBe(0);
  expect(compareMoments('2026-01-01T23:00:00+01:00', '2026-01-01T22:30:00Z')).toBeLessThan(0);
});

it.each([
  ['late in the list', new GloveboxError('http/failed', 'cut'), 2, 'the Job'],
  ['not at all', new GloveboxError('remote/failed', 'broken'), 9, 'remote/failed'],
  ['not yet', new GloveboxError('timeout', 'silent'), 9, 'job/unconfirmed'],
])('H13: what a request made that nobody answered is looked for again: %s', async (_, ...given) => {
  const [failure, emptyLooks, end] = given;
  const clock = createManualClock();
  let looks = 0;
  const asking = ifUnanswered(
    Promise.reject(failure),
    {
      what: 'the Job',
      label: 'a=b',
      page: 'https://hub/jobs/me',
      find: async () => (++looks > emptyLooks ? 'the Job' : undefined),
      clock,
    },
    new AbortController().signal,
  ).catch((error: unknown) => (error instanceof GloveboxError ? error.code : error));
  for (let turns = 0; turns < 100; turns += 1) {
    clock.advance(100);
    await Promise.resolve();
  }
  expect(await asking).toBe(end);
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

function moment(seconds: string): string {
  return `2026-01-01T00:00:${seconds}Z`;
}
