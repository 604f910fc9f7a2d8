/** `glovebox transcripts`: what is uploaded of sessions with an agent, and the only place where a person agrees to it. */
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { renderCounts } from '#policy/redaction/secret-classes.ts';
import type { QueueEntry, UploadStatus } from '#transcripts/contract.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliUploads } from '../host.ts';
import { refuseAgents } from '../person.ts';

export const TRANSCRIPT_ACTIONS = [
  'status',
  'enable',
  'disable',
  'list',
  'preview',
  'upload',
] as const;
type Action = (typeof TRANSCRIPT_ACTIONS)[number];

interface Flags {
  readonly repo?: string;
  readonly public?: boolean;
  readonly worker?: boolean;
}

interface Request {
  readonly uploads: CliUploads;
  readonly flags: Flags;
  readonly sessionId: string | undefined;
  readonly context: CommandContext;
}

const RUN: Readonly<Record<Action, (request: Request) => Promise<ExitCode>>> = {
  status: showStatus,
  enable,
  disable,
  list: async ({ uploads, context }) => showList(await uploads.list(), context),
  preview,
  upload: sendNow,
};

export const transcripts: CliCommand = {
  usage: 'transcripts [action] [session]',
  about:
    'Upload redacted transcripts of agent sessions to a private dataset: status, enable, disable, list, preview SESSION, upload. Off until enable.',
  configure: (command) =>
    command
      .option('--repo <owner/name>', 'with enable: another dataset than your own glovebox-sessions')
      .option('--public', 'with enable --repo: that dataset may be public')
      .option('--worker', 'with upload: as a hook starts it; says nothing'),
  async run(context, command) {
    const [word = 'status', sessionId] = command.args;
    const action = TRANSCRIPT_ACTIONS.find((each) => each === word);
    if (action === undefined) {
      throw new GloveboxError('input/invalid', `There is no "${word}" of transcripts.`, {
        hint: `one of ${TRANSCRIPT_ACTIONS.join(', ')}.`,
      });
    }
    const uploads = await context.host.openUploads(context.config);
    return RUN[action]({ uploads, flags: command.opts<Flags>(), sessionId, context });
  },
};

async function showStatus({ uploads, context }: Request): Promise<ExitCode> {
  const status = await uploads.status();
  if (context.json) context.printJson(status);
  else context.print(statusLines(status).join('\n'));
  return EXIT.done;
}

export function statusLines(status: UploadStatus): readonly string[] {
  const { isOn, because, repo, counts, lastReason } = status;
  const target = repo ?? 'your own private dataset glovebox-sessions';
  const numbers = Object.entries(counts).flatMap(([state, count]) =>
    count > 0 ? [`${count} ${state}`] : [],
  );
  return [
    isOn ? `on (${because}): to ${target}` : `off (${because})`,
    ...(numbers.length > 0 ? [numbers.join(', ')] : []),
    ...(lastReason === undefined ? [] : [`last problem: ${lastReason}`]),
  ];
}

const WHAT_IS_SENT = [
  'From now on, when a session of Claude Code ends, its transcript is uploaded:',
  '- what you and the agent wrote, code, output of commands, paths, and data of other people in them',
  '- with secrets replaced by [REDACTED:...], which is best effort: glovebox transcripts preview SESSION shows how it looks',
  '- without images and without what subagents did, unless GLOVEBOX_SESSION_INCLUDE names them',
  'Transcripts of earlier sessions are never sent. glovebox transcripts disable ends it.',
];

async function disable({ uploads, context }: Request): Promise<ExitCode> {
  const { dropped } = await uploads.disable();
  context.print(
    `Off. ${dropped} waiting transcripts were forgotten; what was sent stays where it is.`,
  );
  return EXIT.done;
}

async function enable({ uploads, flags, context }: Request): Promise<ExitCode> {
  refuseAgents(context.host, 'glovebox transcripts enable');
  const { repo, public: isPublic = false } = flags;
  if (repo !== undefined && !/^[\w.-]+\/[\w.-]+$/.test(repo)) {
    throw new GloveboxError('input/invalid', `--repo is "${repo}".`, {
      hint: 'Give a dataset as OWNER/NAME.',
    });
  }
  if (isPublic && repo === undefined) {
    throw new GloveboxError('input/invalid', '--public needs the dataset in --repo.', {
      hint: 'glovebox transcripts enable --repo OWNER/NAME --public',
    });
  }
  const target = repo ?? 'your own dataset glovebox-sessions, made private when it is not there';
  const word = isPublic ? 'public' : 'yes';
  const text = [
    ...WHAT_IS_SENT,
    `To: ${target}`,
    ...(isPublic ? ['EVERYBODY CAN READ IT, if that dataset is public.'] : []),
    `Type ${word} to switch it on: `,
  ].join('\n');
  const answer = await context.host.prompt(text, context.signal);
  if (answer?.trim().toLowerCase() !== word) {
    throw new GloveboxError('policy/refused', 'Nothing was switched on.', {
      hint: 'only a person at a terminal can: glovebox transcripts enable',
    });
  }
  await uploads.enable({ repo, isPublic });
  context.print(`On. glovebox transcripts shows how it goes.`);
  return EXIT.done;
}

function showList(entries: readonly QueueEntry[], context: CommandContext): ExitCode {
  if (context.json) context.printJson({ transcripts: entries });
  else if (entries.length === 0) context.print('No transcript was queued or sent.');
  else context.print(entries.map(lineOf).join('\n'));
  return EXIT.done;
}

function lineOf({ sessionId, requestedAt, state, upload, reason }: QueueEntry): string {
  const facts =
    upload === undefined
      ? []
      : [
          upload.url,
          renderBytes(upload.bytes),
          `redacted: ${renderCounts(upload.redacted)}`,
          ...(upload.leftOut.length > 0 ? [`left out: ${upload.leftOut.join(', ')}`] : []),
        ];
  return [
    `${sessionId}  ${state}  ${requestedAt.slice(0, 16)}Z`,
    ...facts,
    ...(reason === undefined ? [] : [reason]),
  ].join('  ');
}

async function preview({ uploads, sessionId, context }: Request): Promise<ExitCode> {
  if (sessionId === undefined) {
    throw new GloveboxError('input/invalid', 'preview needs the id of a session.', {
      hint: 'glovebox transcripts preview SESSION',
    });
  }
  const lines: string[] = [];
  const found = await uploads.preview(sessionId, (line) => lines.push(line));
  context.print(lines.join('').trimEnd());
  const left = found.leftOut.length === 0 ? '' : `; left out: ${found.leftOut.join(', ')}`;
  context.say(
    `${found.path}: ${found.lines} lines; redacted: ${renderCounts(found.redacted)}${left}`,
  );
  return EXIT.done;
}

async function sendNow({ uploads, flags, context }: Request): Promise<ExitCode> {
  const isWorker = flags.worker === true;
  const { outcome, entries } = await uploads.drain({ withBlocked: !isWorker }, context.signal);
  if (isWorker) return EXIT.done;
  if (outcome === 'off') {
    throw new GloveboxError('policy/refused', 'The upload of transcripts is off.', {
      hint: 'glovebox transcripts enable switches it on.',
    });
  }
  if (outcome === 'busy') context.say('glovebox: another process is uploading already.');
  showList(entries, context);
  return entries.every(({ state }) => state === 'done') ? EXIT.done : EXIT.failed;
}
