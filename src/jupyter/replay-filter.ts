/** Recognises what the server replays after a reconnect although it was already delivered on the socket before (C13). */

/** At least so many of the latest messages are remembered, at most twice as many. A replay can only repeat what was on its way when the socket broke. */
const REMEMBERED = 4096;

export interface ReplayFilter {
  /** A new socket is open. */
  nextSocket(): void;
  /** True when a message with this id came over an earlier socket. Within one socket nothing is ever dropped. */
  isRepeated(msgId: string): boolean;
}

export function createReplayFilter(): ReplayFilter {
  let socket = 0;
  let recent = new Map<string, number>();
  let older = new Map<string, number>();
  return {
    nextSocket: () => (socket += 1),
    isRepeated(msgId) {
      if (msgId === '') return false;
      const before = recent.get(msgId) ?? older.get(msgId);
      if (before !== undefined) return before !== socket;
      if (recent.size >= REMEMBERED) {
        older = recent;
        recent = new Map();
      }
      recent.set(msgId, socket);
      return false;
    },
  };
}
