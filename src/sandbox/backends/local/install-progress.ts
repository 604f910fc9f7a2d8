/** Turns what an installer prints, and what appears in the environment, into progress a person can read. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '#platform/clock.ts';
import type { Progress } from '#sandbox/backend.ts';

export interface InstallationWatch {
  readonly onLine: (line: string) => void;
  readonly stop: () => void;
}

const POLL_MS = 500;

/** pip and uv say nothing while they unpack; so the finished packages in the folder are counted. */
export function watchInstallation(options: {
  readonly folder: string;
  readonly clock: Clock;
  readonly report: (progress: Progress) => void;
}): InstallationWatch {
  const { folder, clock, report } = options;
  const before = new Set(installedPackages(folder));
  let collected = 0;
  let total: number | undefined;
  let last = '';
  let newest: string | undefined;
  const seen = new Set(before);
  const say = (progress: Progress): void => {
    if (progress.message === last) return;
    last = progress.message;
    report(progress);
  };
  const poll = (): void => {
    const added = installedPackages(folder).filter((name) => !before.has(name));
    newest = added.find((name) => !seen.has(name)) ?? newest;
    for (const name of added) seen.add(name);
    if (total !== undefined && newest !== undefined) {
      const done = Math.min(added.length, total);
      say({ message: `installing ${done}/${total} ${newest}`, done, total });
    }
    cancel = clock.after(POLL_MS, poll, { background: true });
  };
  let cancel = clock.after(POLL_MS, poll, { background: true });
  return {
    onLine(line) {
      const asked = /^\s*Collecting ([A-Za-z0-9._-]+)/.exec(line)?.[1];
      if (asked !== undefined) {
        collected += 1;
        say({ message: `collecting ${asked}, ${collected} packages so far` });
      }
      const list = /^\s*Installing collected packages: (.+)$/.exec(line)?.[1];
      if (list !== undefined) total = list.split(',').length;
      const resolved = /^\s*Resolved (\d+) packages?/.exec(line)?.[1];
      if (resolved !== undefined) total = Number(resolved);
      if (list !== undefined || resolved !== undefined)
        say({
          message: `installing ${total} packages`,
          done: 0,
          ...(total !== undefined && { total }),
        });
    },
    stop: () => cancel(),
  };
}

/** Names of finished packages: both installers write this folder last. */
function installedPackages(folder: string): readonly string[] {
  try {
    const library = path.join(folder, 'lib');
    return readdirSync(library).flatMap((python) =>
      readdirSync(path.join(library, python, 'site-packages'))
        .filter((name) => name.endsWith('.dist-info'))
        .map((name) => name.slice(0, name.indexOf('-'))),
    );
  } catch {
    return [];
  }
}
