/** Serves MCP on this process's stdin and stdout, in both eras of the protocol. */
import { ProtocolErrorCode, type McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Readable, Writable } from 'node:stream';
import { renderBytes } from '#core/units.ts';
import type { McpLog } from './contract.ts';
import { MessageLines, type TooLargeMessage } from './message-lines.ts';

/** One message. The SDK's own limit of 10 MB ends the connection without a word; code of that size is refused by its tool. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export interface StdioOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly log: McpLog;
  /** Called once for a connection, and once more for a client that tries the newer era first. */
  readonly createServer: () => McpServer | Promise<McpServer>;
  /** Called once, when the client is gone or the connection cannot go on. */
  readonly onEnd: (reason: string) => void;
}

export function serveOverStdio({ input, output, log, createServer, onEnd }: StdioOptions): void {
  const refuse = ({ bytes, id }: TooLargeMessage): void => {
    const message = `A message of ${renderBytes(bytes)} is larger than the ${renderBytes(MAX_MESSAGE_BYTES)} that are accepted. Put large content into a file and name its path.`;
    log.error(message);
    // Without its id nobody can be answered, and a client that waits for ever is worse off than one that is cut off.
    if (id === undefined) {
      lines.destroy(new Error(message));
    } else {
      const error = { code: ProtocolErrorCode.InvalidRequest, message };
      output.write(`${JSON.stringify({ jsonrpc: '2.0', id, error })}\n`);
    }
  };
  const lines = new MessageLines({ maxBytes: MAX_MESSAGE_BYTES, onTooLarge: refuse });
  input.on('error', (error) => lines.destroy(error));
  const transport = new StdioServerTransport(input.pipe(lines), output, {
    maxBufferSize: 2 * MAX_MESSAGE_BYTES,
  });
  serveStdio(createServer, {
    transport,
    onerror: (error) => log.error(`connection: ${error.message}`),
  });
  // The entry has set its own callback by now and keeps it; ours runs after it.
  const closeConnection = transport.onclose;
  transport.onclose = () => {
    closeConnection?.();
    onEnd('the connection was closed');
  };
}
