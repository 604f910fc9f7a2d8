/** Reads and writes files of a host by running small programs there, for hosts whose disk is not ours. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { Host, HostCommandResult } from './host.ts';

const LIMIT_MS = 60_000;
const MAX_FILE_BYTES = 8 * 1024 * 1024;
const EXIT_ABSENT = 44;
const EXIT_TOO_LARGE = 45;

// Counted before it takes the place of the old file: a connection that breaks looks like the end of the input.
const WRITE = `
umask 077
mkdir -p -- "$1" || exit
if [ -d "$2" ]; then echo "it is a folder" >&2; exit 1; fi
new=$(mktemp "$1/.XXXXXXXXXXXX") || exit
trap 'rm -f -- "$new"' EXIT
cat >"$new" || exit
if [ "$(wc -c <"$new")" -ne "$4" ]; then echo "the content did not arrive whole" >&2; exit 1; fi
chmod "$3" "$new" && mv -f -- "$new" "$2"
`;

const READ = `
[ -e "$1" ] || exit ${EXIT_ABSENT}
if [ -d "$1" ]; then echo "it is a folder" >&2; exit 1; fi
[ "$(wc -c <"$1")" -le ${MAX_FILE_BYTES} ] || exit ${EXIT_TOO_LARGE}
exec cat -- "$1"
`;

type FileMethods = Pick<Host, 'writeFile' | 'readFile' | 'home' | 'hostname'>;

export function commandFiles(name: string, run: Host['run']): FileMethods {
  const script = (
    text: string,
    words: readonly string[],
    options: { readonly signal?: AbortSignal | undefined; readonly input?: string },
  ): Promise<HostCommandResult> =>
    run(['sh', '-c', text, 'sh', ...words], { timeoutMs: LIMIT_MS, ...options });

  return {
    async writeFile(file, content, { mode = 0o600, signal }) {
      const words = [path.posix.dirname(file), file, mode.toString(8)];
      const size = String(Buffer.byteLength(content));
      const result = await script(WRITE, [...words, size], { signal, input: content });
      if (result.code !== 0) throw failed(`Cannot write ${file} on ${name}`, result);
    },

    async readFile(file, { signal }) {
      const result = await script(READ, [file], { signal });
      if (result.code === EXIT_ABSENT) return undefined;
      if (result.code === EXIT_TOO_LARGE) {
        throw new GloveboxError('storage/failed', `${file} on ${name} is larger than 8 MiB.`);
      }
      if (result.code !== 0) throw failed(`Cannot read ${file} on ${name}`, result);
      return result.stdout;
    },

    async home(signal) {
      const result = await script('printf %s "$HOME"', [], { signal });
      if (result.code !== 0 || result.stdout === '') throw failed(`No home on ${name}`, result);
      return result.stdout;
    },

    async hostname(signal) {
      const result = await run(['uname', '-n'], { timeoutMs: LIMIT_MS, signal });
      if (result.code !== 0) throw failed(`No name of ${name}`, result);
      return result.stdout.trim();
    },
  };
}

function failed(what: string, { code, stderr }: HostCommandResult): GloveboxError {
  return new GloveboxError('storage/failed', `${what}: ${stderr.trim() || `exit ${code}`}`);
}
