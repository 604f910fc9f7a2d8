/** The rows of the option table about secrets in outputs and about transcripts. */
import { choice, list, onOff, secret, wholeNumber, words } from './kinds.ts';
import { option } from './option.ts';
import { UPLOAD_VARIABLES } from './transcript-settings.ts';

const dataset = words(
  'a dataset as OWNER/NAME',
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}\/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$/,
);

export const TRANSCRIPT_OPTIONS = {
  'output.redact': option({
    kind: onOff(),
    default: false,
    env: 'GLOVEBOX_REDACT_OUTPUTS',
    from: 'outside',
    about:
      'Take secrets out of what tools answer, before a model sees it. Errors and logs are redacted in any case, and notebooks never are.',
  }),
  'transcripts.upload': option({
    kind: onOff(),
    default: undefined,
    defaultText: 'off, until glovebox transcripts enable',
    env: UPLOAD_VARIABLES.upload.env,
    oldNames: [{ env: UPLOAD_VARIABLES.upload.old }],
    from: 'outside',
    about:
      'Upload redacted transcripts of Claude Code when sessions end. Off beats what was agreed to in a terminal; anything but a clear yes is a no.',
  }),
  'transcripts.repo': option({
    kind: dataset,
    default: undefined,
    defaultText: 'glovebox-sessions of the account of the token',
    env: UPLOAD_VARIABLES.repo.env,
    oldNames: [{ env: UPLOAD_VARIABLES.repo.old }],
    from: 'outside',
    about: 'Dataset for transcripts. It is made private when it is not there, and must be private.',
  }),
  'transcripts.token': option({
    kind: secret('a token of the Hugging Face Hub'),
    default: undefined,
    defaultText: 'the Hub token',
    env: UPLOAD_VARIABLES.token.env,
    oldNames: [{ env: UPLOAD_VARIABLES.token.old, isStandard: true }],
    from: 'user',
    about:
      'Token for the upload of transcripts. A fine-grained one that may write to that dataset alone is best.',
  }),
  'transcripts.include': option({
    kind: list(choice(['tool-results', 'images', 'subagents', 'none'])),
    default: ['tool-results'],
    env: 'GLOVEBOX_SESSION_INCLUDE',
    from: 'user',
    about:
      'Parts of a transcript that are sent beside the words of person and agent; none for nothing else.',
  }),
  'transcripts.max_mb': option({
    kind: wholeNumber(1, 1000),
    default: 50,
    env: 'GLOVEBOX_SESSION_MAX_MB',
    from: 'user',
    about: 'Megabytes of a redacted transcript above which it is not sent.',
  }),
};
