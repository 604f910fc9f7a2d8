/** Turns the run of a shell command into an answer: how it ended, its streams within the budget, where the rest is. */
import { GloveboxError } from '#core/errors.ts';
import { renderBytes, renderDuration } from '#core/units.ts';
import { isFinal, type RunView } from '#session/contract.ts';
import { headAndTail, type Shortened } from '#shell/head-and-tail.ts';
import { shellResultOf, streamOf, type ShellResult } from '#shell/shell-result.ts';
import { textResult, type ToolResult } from './define-tool.ts';
import { headline } from './render-run.ts';

/** @throws what kept the command from being started. */
export function renderCommand(view: RunView, sandbox: string, maxChars: number): ToolResult {
  const result = shellResultOf(view.outputs);
  if (result !== undefined && 'refused' in result) throw refusal(result);
  const streams = (['stdout', 'stderr'] as const).map((name) => ({
    name,
    text: streamOf(view.outputs, name),
  }));
  const total = streams.reduce((sum, { text }) => sum + text.length, 0);
  const blocks = streams.flatMap(({ name, text }) => {
    if (text === '') return [];
    // What one stream does not need, the other may have.
    const budget = Math.max(Math.floor(maxChars / 2), maxChars - (total - text.length));
    const shown = headAndTail(text, budget);
    const rest = restLine(name, shown, result?.[name] ?? undefined, { view, sandbox });
    return [`${name}:`, shown.text.replace(/\n$/, ''), ...rest];
  });
  const lines = [
    [result === undefined ? headline(view) : `${ending(result)} · run ${view.id}`],
    view.explanation === undefined ? [] : [view.explanation],
    view.notices.map((notice) => `Note: ${notice}`),
    blocks.length === 0 && result !== undefined ? ['(no output)'] : blocks,
    nextStep(view, result),
  ].flat();
  return textResult(lines.join('\n'), {
    run_id: view.id,
    sandbox_id: sandbox,
    state: view.state,
    exit_code: result?.exit_code ?? null,
    timed_out: result?.ended_by === 'timeout',
  });
}

/** Where the rest of a stream is: in its file, or, while the command runs, in the run. */
function restLine(
  name: string,
  { text, cut }: Shortened,
  file: { readonly path: string; readonly bytes: number } | undefined,
  { view, sandbox }: { readonly view: RunView; readonly sandbox: string },
): readonly string[] {
  if (file !== undefined) {
    if (cut === undefined && file.bytes <= Buffer.byteLength(text)) return [];
    return [
      `[${name}: ${renderBytes(file.bytes)} in all · more: sandbox_read(sandbox_id="${sandbox}", path="${file.path}")]`,
    ];
  }
  if (cut === undefined) return [];
  return [
    `[${name}: ${cut.headChars} + ${cut.tailChars} of ${cut.totalChars} characters · more: get_run(run_id="${view.id}", offset=${cut.headChars})]`,
  ];
}

type Ended = Exclude<ShellResult, { refused: string }>;

function ending(result: Ended): string {
  const how =
    result.signal === null ? `exit code ${result.exit_code}` : `ended by ${result.signal}`;
  const why = {
    timeout: ': its time limit was over; the command and everything it started was ended',
    'too-much-output': ': it had written more than 1 GiB; it and everything it started was ended',
    interrupt: ': it was interrupted; it and everything it started was ended',
  };
  const reason = result.ended_by === null ? '' : why[result.ended_by];
  return `${how}${reason} · ${renderDuration(result.seconds * 1000)} in ${result.cwd}`;
}

function nextStep(view: RunView, result: Ended | undefined): readonly string[] {
  if (result?.background === true) {
    const files = [result.stdout?.path, result.stderr?.path].filter((path) => path !== undefined);
    return [
      `Processes that it started in the background go on; their output goes to ${files.join(' and ')}.`,
    ];
  }
  if (result?.ended_by === 'timeout') {
    return [
      'Next: look at what it has done so far before running it again with a larger timeout_s.',
    ];
  }
  if (!isFinal(view.state)) {
    return [
      `It goes on by itself. Next: get_run(run_id="${view.id}", wait_s=45) to follow it, interrupt_kernel(session_id="${view.sessionId}") to end it.`,
    ];
  }
  if (result === undefined) {
    return [
      'How it ended is not known; it may have been executed in part. Look at what it has done before running it again.',
    ];
  }
  return [];
}

function refusal({ refused, message }: Extract<ShellResult, { refused: string }>): GloveboxError {
  if (refused === 'cwd') {
    return new GloveboxError('path/not-found', `${message} Nothing was started.`, {
      hint: 'Give an existing folder in cwd, or none.',
    });
  }
  return new GloveboxError('shell/unavailable', `The shell could not be started: ${message}`, {
    hint: 'sandbox_list with the sandbox_id shows the log of its server.',
  });
}
