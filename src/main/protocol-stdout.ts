/** Keeps stdout for the protocol: what libraries print with `console` goes to stderr instead. */
import { Console } from 'node:console';

/** Called before anything else is imported, because some libraries print while they load. */
export function keepStdoutForProtocol(): void {
  globalThis.console = new Console(process.stderr, process.stderr);
}
