/** Gives a running process little more memory than it has: by a control group, whose kill is the kernel's own, or by watching it. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface MemoryCage {
  /** Who kills: the operating system, or this process in its place, as out-of-memory daemons do. */
  readonly killer: 'system' | 'watcher';
  release(): void;
}

const WATCH_MS = 5;
let count = 0;

/** The process is killed when it takes `bytes` more than now. */
export function cageMemory(pid: number, bytes: number): MemoryCage {
  for (const place of [versionOne(), versionTwo()]) {
    const cage = place === undefined ? undefined : group(place, pid, bytes);
    if (cage !== undefined) return cage;
  }
  return watched(pid, bytes);
}

interface Place {
  readonly parent: string;
  readonly limitFile: string;
  /** What keeps the group from moving its memory elsewhere; not there without swap. */
  readonly swap: readonly [file: string, value: string];
}

const ownGroup = (pattern: RegExp): string | undefined =>
  pattern.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];

function versionOne(): Place | undefined {
  const own = ownGroup(/^\d+:(?:[^:]+,)?memory(?:,[^:]+)?:(.*)$/m);
  if (own === undefined) return undefined;
  return {
    parent: path.join('/sys/fs/cgroup/memory', own),
    limitFile: 'memory.limit_in_bytes',
    swap: ['memory.swappiness', '0'],
  };
}

function versionTwo(): Place | undefined {
  const own = ownGroup(/^0::(.*)$/m);
  if (own === undefined) return undefined;
  return {
    // A group beside our own: one that holds processes cannot have limited groups in it.
    parent: path.join('/sys/fs/cgroup', own === '/' ? '' : path.dirname(own)),
    limitFile: 'memory.max',
    swap: ['memory.swap.max', '0'],
  };
}

/** What a process had before it was moved stays with its old group, so the limit is for what it takes from here on. */
function group(place: Place, pid: number, bytes: number): MemoryCage | undefined {
  count += 1;
  const folder = path.join(place.parent, `glovebox-test-${process.pid}-${count}`);
  const release = (): void => {
    try {
      rmdirSync(folder);
    } catch {
      // was not made, or holds a process still
    }
  };
  try {
    mkdirSync(folder);
    writeFileSync(path.join(folder, place.limitFile), String(bytes), { flag: 'r+' });
  } catch {
    release();
    return undefined;
  }
  try {
    writeFileSync(path.join(folder, place.swap[0]), place.swap[1], { flag: 'r+' });
  } catch {
    // no swap
  }
  try {
    writeFileSync(path.join(folder, 'cgroup.procs'), String(pid), { flag: 'r+' });
    return { killer: 'system', release };
  } catch {
    release();
    return undefined;
  }
}

function residentBytes(pid: number): number {
  try {
    const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return Number(pages) * 4096;
  } catch {
    return 0;
  }
}

function watched(pid: number, bytes: number): MemoryCage {
  const limit = residentBytes(pid) + bytes;
  const timer = setInterval(() => {
    if (residentBytes(pid) < limit) return;
    clearInterval(timer);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended meanwhile
    }
  }, WATCH_MS);
  timer.unref();
  return { killer: 'watcher', release: () => clearInterval(timer) };
}
