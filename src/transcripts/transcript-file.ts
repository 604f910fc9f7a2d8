/** Opens a transcript of Claude Code, and nothing else: every check is made before it is queued and again before it is read. */
import { constants } from 'node:fs';
import { lstat, open, readdir, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';

/** Ids become file names here and at the Hub. */
export const isSessionId = (id: unknown): id is string =>
  typeof id === 'string' && /^[A-Za-z0-9-]{8,64}$/.test(id);

export interface TranscriptName {
  readonly sessionId: unknown;
  readonly transcriptPath: unknown;
  /** Claude Code's own folder: `CLAUDE_CONFIG_DIR`, else `~/.claude`. */
  readonly claudeDir: string;
}

export interface CheckedTranscript {
  readonly sessionId: string;
  /** Real, links resolved. */
  readonly path: string;
  readonly bytes: number;
}

/**
 * A regular file of this user, below `projects` of Claude Code's folder by its real path, named after the session. The project
 * is no such place: any file of it could then be named as a transcript.
 *
 * @throws GloveboxError `path/not-allowed` with what is wrong.
 */
export async function checkTranscript(name: TranscriptName): Promise<CheckedTranscript> {
  const { sessionId, transcriptPath, claudeDir } = name;
  if (!isSessionId(sessionId)) throw refused('the id of the session is none');
  if (typeof transcriptPath !== 'string' || !path.isAbsolute(transcriptPath))
    throw refused('its path is not absolute');
  if (transcriptPath.includes('\0') || path.normalize(transcriptPath) !== transcriptPath)
    throw refused('its path is not a plain one');
  const real = await realpath(transcriptPath).catch((error: unknown) => {
    throw refused(`it cannot be reached (${messageOf(error)})`, error);
  });
  if (
    path.basename(real) !== `${sessionId}.jsonl` ||
    path.basename(transcriptPath) !== path.basename(real)
  )
    throw refused('its name is not the id of the session with .jsonl');
  const root = await realpath(path.join(claudeDir, 'projects')).catch(() => undefined);
  if (root === undefined || !real.startsWith(root + path.sep))
    throw refused("it is not in the projects folder of Claude Code's own folder");
  const facts = await lstat(real);
  if (!facts.isFile()) throw refused('it is no regular file');
  if (!isOurs(facts.uid)) throw refused('it belongs to another user');
  return { sessionId, path: real, bytes: facts.size };
}

/** The opened file is the one that was checked, whatever was put in its place meanwhile. */
export async function openTranscript(name: TranscriptName): Promise<FileHandle> {
  return openChecked((await checkTranscript(name)).path);
}

async function openChecked(real: string): Promise<FileHandle> {
  // Without O_NONBLOCK the opening of a pipe that took its place would wait for a writer.
  const handle = await open(
    real,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
  ).catch((error: unknown) => {
    throw refused(`it cannot be opened (${messageOf(error)})`, error);
  });
  try {
    const [opened, again] = [await handle.stat(), await lstat(await realpath(real))];
    const isSame = opened.dev === again.dev && opened.ino === again.ino;
    if (!opened.isFile() || !isSame || !isOurs(opened.uid)) throw refused('it changed meanwhile');
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Claude Code keeps what subagents did beside the transcript: `SESSION/subagents/agent-ID.jsonl`, some of it one folder deeper. */
const SUBAGENT_FILE = /^(?:[A-Za-z0-9_-]{1,64}\/){0,2}agent-[A-Za-z0-9_-]{1,100}\.jsonl$/;
const MAX_SUBAGENTS = 500;

export interface SubagentFile {
  /** `subagents/agent-ID.jsonl`. */
  readonly name: string;
  /** @throws GloveboxError `path/not-allowed` when it is not what it was when it was listed. */
  open(): Promise<FileHandle>;
}

/** Regular files of this user alone, none of them reached over a link; empty when there are none. In the order of their names. */
export async function subagentFiles(name: TranscriptName): Promise<readonly SubagentFile[]> {
  const { path: transcript, sessionId } = await checkTranscript(name);
  const folder = path.join(path.dirname(transcript), sessionId, 'subagents');
  const isThere = (await realpath(folder).catch(() => undefined)) === folder;
  const entries = isThere ? await readdir(folder, { recursive: true }) : [];
  const names = entries.map((entry) => entry.split(path.sep).join('/'));
  const found: SubagentFile[] = [];
  for (const one of names.filter((each) => SUBAGENT_FILE.test(each)).toSorted()) {
    const file = path.join(folder, one);
    const facts = await lstat(file);
    if (!facts.isFile() || !isOurs(facts.uid) || (await realpath(file)) !== file) continue;
    found.push({ name: `subagents/${one}`, open: () => openChecked(file) });
  }
  return found.slice(0, MAX_SUBAGENTS);
}

const isOurs = (uid: number): boolean => process.getuid === undefined || uid === process.getuid();

const refused = (why: string, cause?: unknown): GloveboxError =>
  new GloveboxError('path/not-allowed', `The transcript is not taken: ${why}.`, { cause });
