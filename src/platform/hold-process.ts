/** Keeps this process alive while somebody waits for something: sockets to kernels do not, so that a program ends when it is done. */

const LONG_MS = 2 ** 30;

/** Until the returned function is called. Idempotent. */
export function holdProcess(): () => void {
  const timer = setInterval(() => undefined, LONG_MS);
  return () => clearInterval(timer);
}
