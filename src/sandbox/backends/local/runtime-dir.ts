/** Chooses the folder for the sockets of kernels, whose paths the operating system keeps very short. */
import { createHash } from 'node:crypto';
import path from 'node:path';

/** `sun_path` of macOS, the shorter one, with the zero at its end. */
const MAX_SOCKET_PATH = 103;
/** `/kernel-<36 characters>-ipc-5`, as Jupyter names them. */
const SOCKET_NAME_LENGTH = 50;

/** In Glovebox's own folder where that is short enough, else in the machine's folder for temporary files; always 0700. */
export function runtimeDirFor(dir: string, id: string): string {
  const hash = createHash('sha256').update(`${dir}\0${id}`).digest('hex').slice(0, 10);
  const own = path.join(dir, 'run', hash);
  if (Buffer.byteLength(own) + SOCKET_NAME_LENGTH <= MAX_SOCKET_PATH) return own;
  return path.join('/tmp', `glovebox-${process.getuid?.() ?? 0}-${hash}`);
}
