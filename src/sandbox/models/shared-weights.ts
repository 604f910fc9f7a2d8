/** Gets the weights of models into a folder that all sandboxes of a machine or a cluster share, once, and marked when they are whole. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { Host } from '#platform/host.ts';
import type { Progress } from '../backend.ts';
import { fetchProgress, fetchSpec, lineReader } from './fetch-lines.ts';
import type { WeightsPlan } from './plan.ts';

export interface SharedFetch {
  /** Where the folder is, and where the fetching runs: on a cluster the login node, so that no GPU waits for it. */
  readonly host: Host;
  /** A Python there, of which nothing else is needed. */
  readonly python: string;
  /** Folder on this machine with `fetch_models.py`. */
  readonly pythonDir: string;
  /** The shared folder, absolute. */
  readonly modelsDir: string;
  readonly hubUrl: string;
  readonly token?: string | undefined;
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

const TAIL_LINES = 40;

/**
 * One after another: it is the network that takes the time. What was fetched stays when it fails, and the next call goes on there.
 *
 * @throws `sandbox/weights-failed` with what the program said.
 */
export async function fetchIntoSharedFolder(
  plans: readonly WeightsPlan[],
  fetch: SharedFetch,
): Promise<void> {
  if (plans.length === 0) return;
  const source = await readFile(path.join(fetch.pythonDir, 'fetch_models.py'), 'utf8');
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 16);
  const program = `${fetch.modelsDir}/.glovebox/fetch-${hash}.py`;
  await fetch.host.writeFile(program, source, { signal: fetch.signal });
  for (const plan of plans) await fetchOne(plan, program, fetch);
}

async function fetchOne(plan: WeightsPlan, program: string, fetch: SharedFetch): Promise<void> {
  const { host, python, hubUrl, token, signal, report } = fetch;
  throwIfAborted(signal);
  report({ message: `looking for ${plan.label} (${renderBytes(plan.totalBytes)})` });
  const opened = await host.open([python, '-I', program, '--shared'], { signal });
  const { stream, ended } = opened;
  const tail: string[] = [];
  const onLine = lineReader((line) => {
    const progress = fetchProgress(line, plan);
    if (progress !== undefined) return report(progress);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    return undefined;
  });
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => onLine(text));
  const close = (): void => opened.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    // Through its input, where nobody else can read it; the input stays open as long as somebody waits.
    stream.write(`${JSON.stringify({ spec: fetchSpec(plan, hubUrl), token })}\n`);
    const { code, stderr } = await ended;
    throwIfAborted(signal);
    if (code === 0) return;
    throw new GloveboxError(
      'sandbox/weights-failed',
      [
        `The weights of ${plan.label} could not be fetched (exit code ${code}).`,
        ...tail,
        stderr.trim(),
      ]
        .filter((line) => line !== '')
        .join('\n'),
      { hint: 'Start the sandbox again: it goes on where this one ended.' },
    );
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}
