/** Tells one process from every other one, also after its number was given to somebody else. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRecord } from '#core/json.ts';

/**
 * What a record on disk holds about a process. A pid alone proves nothing: numbers are recycled, machines restart, and a
 * home folder may be shared by several hosts.
 */
export interface ProcessIdentity {
  readonly host: string;
  /** Changes with each boot of the machine. */
  readonly bootId: string;
  readonly pid: number;
  /** In the words of the operating system; only ever compared for equality. */
  readonly startTime: string;
  /** Real user id; -1 where there is none. */
  readonly uid: number;
}

/** Whether something that was read from disk is one. */
export function isIdentity(value: unknown): value is ProcessIdentity {
  return (
    isRecord(value) &&
    typeof value['host'] === 'string' &&
    typeof value['bootId'] === 'string' &&
    typeof value['pid'] === 'number' &&
    typeof value['startTime'] === 'string' &&
    typeof value['uid'] === 'number'
  );
}

/** One row of the process table. */
export interface ProcessRow {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  readonly uid: number;
  readonly startTime: string;
  /** `zombie`: has ended, or is about to and runs no code any more, and was not collected by its parent yet. */
  readonly state: 'running' | 'stopped' | 'zombie';
}

let current: ProcessIdentity | undefined;

/** The process that asks. */
export function currentIdentity(): ProcessIdentity {
  current ??= identityOf(process.pid) ?? {
    ...here(),
    pid: process.pid,
    startTime: String(Math.round(performance.timeOrigin)),
    uid: process.getuid?.() ?? -1,
  };
  return current;
}

/** The process that has this number now. `undefined`: none has, or it has ended and was only not collected yet. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const row = processRow(pid);
  if (row === undefined || row.state === 'zombie') return undefined;
  return toIdentity(row);
}

export function toIdentity(row: ProcessRow): ProcessIdentity {
  return { ...here(), pid: row.pid, startTime: row.startTime, uid: row.uid };
}

/**
 * Whether that process still exists.
 *
 * - `alive`: the same process, not one that got its number later. A stopped process is alive.
 * - `gone`: the machine was restarted, nobody has the number, or somebody else has it.
 * - `elsewhere`: it belongs to another host, so nothing can be said from here.
 */
export function lifeOf(identity: ProcessIdentity): 'alive' | 'gone' | 'elsewhere' {
  const { host, bootId } = here();
  if (identity.bootId === '' || bootId === '') return 'elsewhere';
  // Boot ids are shared by containers of one machine on Linux only; a Mac just changes its name with the network.
  const sameMachine =
    identity.host === host || (process.platform === 'darwin' && identity.bootId === bootId);
  if (!sameMachine) return 'elsewhere';
  if (identity.bootId !== bootId) return 'gone';
  return identityOf(identity.pid)?.startTime === identity.startTime ? 'alive' : 'gone';
}

/** Reads one row of the process table; `undefined` when no process has that number. */
export function processRow(pid: number): ProcessRow | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === 'linux' ? rowFromProc(pid) : rowFromPs(pid);
}

let machine: { readonly host: string; readonly bootId: string } | undefined;

function here(): { readonly host: string; readonly bootId: string } {
  machine ??= { host: hostname(), bootId: readBootId() };
  return machine;
}

function readBootId(): string {
  try {
    return process.platform === 'linux'
      ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      : execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], {
          encoding: 'utf8',
        }).trim();
  } catch {
    return '';
  }
}

/** Linux, include/linux/sched.h: it has no memory and no files any more, and is a zombie in a moment. */
const PF_EXITING = 0x4;

// proc(5): the program's name is in parentheses and may hold blanks and parentheses itself.
function rowFromProc(pid: number): ProcessRow | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [letter = '', parentPid, groupId] = fields;
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return {
      pid,
      parentPid: Number(parentPid),
      groupId: Number(groupId),
      uid: Number(uid ?? -1),
      startTime: fields[19] ?? '',
      state: (Number(fields[6]) & PF_EXITING) === 0 ? stateOf(letter) : 'zombie',
    };
  } catch {
    return undefined;
  }
}

function rowFromPs(pid: number): ProcessRow | undefined {
  try {
    const columns = 'ppid=,pgid=,uid=,stat=,lstart=';
    const line = execFileSync('/bin/ps', ['-o', columns, '-p', String(pid)], {
      encoding: 'utf8',
      env: { LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [parentPid, groupId, uid, letters = '', ...startTime] = line.trim().split(/\s+/);
    if (startTime.length === 0) return undefined;
    return {
      pid,
      parentPid: Number(parentPid),
      groupId: Number(groupId),
      uid: Number(uid),
      startTime: startTime.join(' '),
      state: stateOf(letters.charAt(0)),
    };
  } catch {
    return undefined;
  }
}

function stateOf(letter: string): ProcessRow['state'] {
  if (letter === 'Z' || letter === 'X') return 'zombie';
  return letter === 'T' || letter === 't' ? 'stopped' : 'running';
}
