/** Reads from the environment whether transcripts are uploaded. Loads nothing: hooks read it too. */
import path from 'node:path';
import { homeIn, variable, type Environment } from './environment.ts';

/** Only the environment and a person at a terminal may switch it on: a file of a project is not the user. */
export const UPLOAD_VARIABLES = {
  upload: { env: 'GLOVEBOX_SAVE_SESSIONS', old: 'ML_INTERN_SAVE_SESSIONS' },
  repo: { env: 'GLOVEBOX_SESSION_REPO', old: 'ML_INTERN_SESSION_REPO' },
  token: { env: 'GLOVEBOX_SESSION_UPLOAD_TOKEN', old: 'HF_SESSION_UPLOAD_TOKEN' },
} as const;

/** Undefined when nothing is said. Anything but a clear yes is a no. */
export function isUploadWanted(env: Environment): boolean | undefined {
  const { upload } = UPLOAD_VARIABLES;
  const text = variable(env, upload.env) ?? variable(env, upload.old);
  return text === undefined ? undefined : ['1', 'true', 'yes', 'on'].includes(text.toLowerCase());
}

/** Where Claude Code keeps its transcripts. */
export const claudeDirIn = (env: Environment): string =>
  variable(env, 'CLAUDE_CONFIG_DIR') ?? path.join(homeIn(env), '.claude');

/** Whether tools show their output redacted. */
export function isOutputRedacted(env: Environment): boolean {
  const text = variable(env, 'GLOVEBOX_REDACT_OUTPUTS');
  // Here the safe value is on.
  return text !== undefined && !['0', 'false', 'no', 'off'].includes(text.toLowerCase());
}
