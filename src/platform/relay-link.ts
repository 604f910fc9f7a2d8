/** The framed connection to a relay process: its hello, its streams, its signs of life, its loss. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { Clock } from './clock.ts';
import type { HostStream } from './host.ts';
import { createFrameReader, encodeFrame, type Frame, type FrameKind } from './relay-frames.ts';

export interface StreamHandler {
  onFrame(frame: Frame): void;
  /** The link is gone, and with it this stream. */
  onLost(error: GloveboxError): void;
}

export interface LinkStream {
  send(kind: FrameKind, payload?: Buffer): void;
  sendJson(kind: FrameKind, value: object): void;
  /** No more calls of the handler. */
  forget(): void;
}

export interface RelayLink {
  /** Rejects with the error of `lost`. */
  readonly hello: Promise<{ readonly hostname: string }>;
  /** Resolves when the link is gone; never rejects. */
  readonly lost: Promise<GloveboxError>;
  readonly failure: GloveboxError | undefined;
  /** A stream with a number of its own. */
  openStream(handler: StreamHandler): LinkStream;
  /** Ends the link. Only the first call counts. */
  lose(error: GloveboxError): void;
}

const PING_EVERY_MS = 15_000;
/** Counted, not timed: a machine that was suspended has heard nothing for hours, and that proves nothing. */
const MAX_UNANSWERED = 2;
const MAX_NOISE_BYTES = 256 * 1024;
const unset = (): void => undefined;

export function createRelayLink(from: {
  /** Of the host, for texts. */
  readonly name: string;
  readonly opened: HostStream;
  /** The line after which frames begin. */
  readonly mark: string;
  readonly clock: Clock;
}): RelayLink {
  const { opened, clock } = from;
  const handlers = new Map<number, StreamHandler>();
  let nextNumber = 1;
  let failure: GloveboxError | undefined;
  let unanswered = 0;
  let tellLost: (error: GloveboxError) => void = unset;
  let greet: (hello: { readonly hostname: string }) => void = unset;
  const lost = new Promise<GloveboxError>((resolve) => (tellLost = resolve));
  const hello = new Promise<{ readonly hostname: string }>((resolve, reject) => {
    greet = resolve;
    void lost.then(reject);
  });
  hello.catch(() => undefined); // Told by `lost` too.

  const send = (stream: number, kind: FrameKind, payload?: Buffer): void => {
    // Credit bounds what can pile up here.
    if (failure === undefined) opened.stream.write(encodeFrame(stream, kind, payload));
  };

  function lose(error: GloveboxError): void {
    if (failure !== undefined) return;
    failure = error;
    cancelPing();
    opened.close();
    for (const handler of handlers.values()) handler.onLost(error);
    handlers.clear();
    tellLost(error);
  }

  const ping = (): void => {
    if (unanswered === MAX_UNANSWERED) {
      lose(gone(`The relay on ${from.name} gave no sign of life for 45 s.`));
      return;
    }
    unanswered += 1;
    send(0, 'ping');
    cancelPing = clock.after(PING_EVERY_MS, ping, { background: true });
  };
  let cancelPing = clock.after(PING_EVERY_MS, ping, { background: true });

  const read = createFrameReader((frame) => {
    if (frame.kind === 'hello') greet(parseHello(frame.payload));
    else handlers.get(frame.stream)?.onFrame(frame);
  });
  const take = afterMark(from.mark, read);
  opened.stream.on('data', (chunk: Buffer) => {
    unanswered = 0;
    if (failure !== undefined) return;
    try {
      take(chunk);
    } catch (error) {
      lose(gone(`The relay on ${from.name} is not understood: ${messageOf(error)}`));
    }
  });
  void opened.ended.then((end) => lose(processEnded(from.name, end)));

  return {
    hello,
    lost,
    get failure() {
      return failure;
    },
    openStream(handler) {
      const number = nextNumber;
      nextNumber += 1;
      handlers.set(number, handler);
      return {
        send: (kind, payload) => send(number, kind, payload),
        sendJson: (kind, value) => send(number, kind, Buffer.from(JSON.stringify(value))),
        forget: () => void handlers.delete(number),
      };
    },
    lose,
  };
}

/** Passes on what comes after the line with the mark: a job step or an interpreter may print something before. */
function afterMark(mark: string, read: (chunk: Buffer) => void): (chunk: Buffer) => void {
  const line = Buffer.from(`\n${mark}\n`);
  let noise: Buffer | undefined = Buffer.alloc(0);
  return (chunk) => {
    if (noise === undefined) return read(chunk);
    noise = Buffer.concat([noise, chunk]);
    const at = noise.indexOf(line);
    if (at === -1) {
      if (noise.length > MAX_NOISE_BYTES) throw new Error('it prints, but not as a relay does');
      return undefined;
    }
    const rest = noise.subarray(at + line.length);
    noise = undefined;
    return rest.length === 0 ? undefined : read(rest);
  };
}

function parseHello(payload: Buffer): { readonly hostname: string } {
  const hello: unknown = JSON.parse(payload.toString());
  const hostname = isRecord(hello) ? hello['hostname'] : undefined;
  if (typeof hostname !== 'string') throw new Error('its hello has no host name');
  return { hostname };
}

function processEnded(
  name: string,
  { code, stderr }: { readonly code: number | null; readonly stderr: string },
): GloveboxError {
  const said = stderr.trim() === '' ? '' : `: ${stderr.trim()}`;
  return gone(`The relay on ${name} ended (exit ${code ?? 'by a signal'})${said}`);
}

function gone(message: string): GloveboxError {
  return new GloveboxError('host/unreachable', message, {
    hint: 'What runs on the far side goes on; the next call opens a new relay.',
  });
}
