/** An editor in the browser inside a Modal sandbox: a pinned code-server on loopback, behind the sandbox's own server. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { Layout } from '#sandbox/layout.ts';
import type { ModalOptions } from './options.ts';
import { runInside, type Inside } from './run-inside.ts';

/** By the machine, as Python's `platform.machine()` names it. */
export type CodeServerArchives = Readonly<
  Record<string, { readonly url: string; readonly sha256: string }>
>;

const RELEASE = 'https://github.com/coder/code-server/releases/download/v4.115.0';

/** The hashes are those of Homebrew: https://github.com/Homebrew/homebrew-cask/blob/master/Casks/c/code-server.rb */
export const CODE_SERVER: CodeServerArchives = {
  x86_64: {
    url: `${RELEASE}/code-server-4.115.0-linux-amd64.tar.gz`,
    sha256: '2d43f4023fe425ecf41806e57cbbc64ce7d3be50cfd76690dc45f52375a836ed',
  },
  aarch64: {
    url: `${RELEASE}/code-server-4.115.0-linux-arm64.tar.gz`,
    sha256: '8848f99c25172fe9128ef77ac1937387be932bc20d0eab7d067e9018684d4074',
  },
};

const LIMIT_MS = 600_000;

/** What opens code-server, in a file that only the sandbox's server reads: `python/code_server.py` writes it. */
export const codeServerCookie = ({ state }: Layout): string =>
  `${state}/code-server/private/cookie`;

/** @throws `sandbox/start-failed` with what was printed; also when the archive is not the one that was pinned. */
export async function startCodeServer(
  options: Pick<ModalOptions, 'code_server' | 'code_server_port'>,
  place: Inside,
  archives: CodeServerArchives = CODE_SERVER,
): Promise<void> {
  if (!options.code_server) return;
  const { layout, pythonDir, report } = place;
  report({ message: 'fetching and starting code-server' });
  const program = await readFile(path.join(pythonDir, 'code_server.py'), 'utf8');
  const { state, workspace } = layout;
  const wanted = { state, workspace, port: options.code_server_port, archives };
  const failed = await runInside(place, {
    what: 'code-server',
    program,
    wanted,
    timeoutMs: LIMIT_MS,
  });
  if (failed === undefined) return;
  const words = [failed.why, failed.printed.slice(-2000)];
  throw new GloveboxError('sandbox/start-failed', words.join('\n'));
}
