/** Serves MCP on this process's stdin and stdout, in both eras of the protocol. */
import type { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Readable, Writable } from 'node:stream';
import { renderBytes } from '#core/units.ts';
import type { McpLog } from './contract.ts';

/** One message. The SDK's own limit of 10 MB ends the connection without a word; code of that size is refused by a tool. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export interface StdioOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly log: McpLog;
  /** Called once for a connection. */
  readonly createServer: () => McpServer | Promise<McpServer>;
  /** Called once, when the client is gone or the connection cannot go on. */
  readonly onEnd: (reason: string) => void;
}

export function serveOverStdio({ input, output, log, createServer, onEnd }: StdioOptions): void {
  const transport = new StdioServerTransport(input, output, { maxBufferSize: MAX_MESSAGE_BYTES });
  let reason = 'the client closed the connection';
  serveStdio(createServer, {
    transport,
    onerror: (error) => {
      if (error.message.includes('exceeded maximum size')) {
        reason = `a message was larger than ${renderBytes(MAX_MESSAGE_BYTES)}; put large content into a file and name its path`;
      }
      log.error(`connection: ${error.message}`);
    },
  });
  // The entry has set its own callback by now and keeps it; ours runs after it.
  const closeConnection = transport.onclose;
  transport.onclose = () => {
    closeConnection?.();
    onEnd(reason);
  };
}
