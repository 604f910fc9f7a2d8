/** Reads the log of a Job: what it printed so far and then what it prints, until the connection ends. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { withQuery } from '../request.ts';
import { createEventReader } from './event-stream.ts';
import { jobName, jobPath, type JobRef } from './job.ts';

export interface LogLine {
  readonly text: string;
  /** As the service writes it: ISO 8601, never going back. */
  readonly timestamp: string;
}

/** The service sends a comment every 30 s; a connection that is silent for longer is dead. */
const SILENCE_MS = 90_000;

const event = z.object({ data: z.string(), timestamp: z.string().catch('') });

/**
 * Tells each line, history first, and resolves when the service ends the stream, which it does some time after the end of the Job.
 *
 * @param tail begins with the last so many lines.
 * @throws GloveboxError `http/failed` or `timeout` when the connection breaks, which says nothing about the Job.
 */
export async function readJobLogs(
  hub: HubContext,
  ref: JobRef,
  {
    tail,
    onLine,
  }: { readonly tail?: number | undefined; readonly onLine: (line: LogLine) => void },
  signal: AbortSignal,
): Promise<void> {
  let isFirst = true;
  const onData = (data: string): void => {
    const line = parseLine(data);
    // The service's own words, not the Job's.
    const isHead = isFirst && line?.text.startsWith('===== Job started') === true;
    isFirst = false;
    if (line !== undefined && !isHead) onLine(line);
  };
  const response = await hub.web.send(
    {
      url: withQuery(`${hub.hosts().hub}${jobPath(ref)}/logs`, { tail }),
      headers: { accept: 'text/event-stream' },
      timeoutMs: SILENCE_MS,
      onChunk: createEventReader(onData),
    },
    signal,
  );
  checkHubAnswer(hub, response, { what: `the log of the Job ${jobName(ref)}` });
}

function parseLine(data: string): LogLine | undefined {
  try {
    const parsed = event.parse(JSON.parse(data));
    return { text: parsed.data.replace(/\r?\n$/, ''), timestamp: parsed.timestamp };
  } catch {
    return undefined;
  }
}
