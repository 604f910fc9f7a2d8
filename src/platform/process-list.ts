/** Lists the processes of this machine: who is whose child, who belongs to a group, who runs what. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { processRow, type ProcessRow } from './process-identity.ts';

/** The whole process table. A process that ends meanwhile is left out. */
export function listProcesses(): readonly ProcessRow[] {
  return allPids().flatMap((pid) => processRow(pid) ?? []);
}

/** The words a process was started with; empty for one that is gone or that may not be looked at. */
export function argumentsOf(pid: number): readonly string[] {
  try {
    if (process.platform === 'linux') {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    }
    return execFileSync('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trim()
      .split(' ');
  } catch {
    return [];
  }
}

/** Children, their children and so on, out of one reading of the table. */
export function descendantsOf(pid: number, table = listProcesses()): readonly ProcessRow[] {
  const found = new Map<number, ProcessRow>();
  const look = (parent: number): void => {
    for (const row of table) {
      if (row.parentPid !== parent || found.has(row.pid)) continue;
      found.set(row.pid, row);
      look(row.pid);
    }
  };
  look(pid);
  return [...found.values()];
}

function allPids(): readonly number[] {
  const names =
    process.platform === 'linux'
      ? readdirSync('/proc')
      : execFileSync('/bin/ps', ['-axo', 'pid='], { encoding: 'utf8' }).split('\n');
  return names
    .map((name) => Number(name.trim()))
    .filter((pid) => Number.isSafeInteger(pid) && pid > 0);
}
