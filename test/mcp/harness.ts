/** A real client beside a server made of the given tools, in either era of the protocol. */
import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { onTestFinished } from 'vitest';
import { createMcpServer, type McpServerOptions } from '#mcp/server.ts';
import { systemClock } from '#platform/clock.ts';
import type { Tool, ToolServices } from '#tools/define-tool.ts';
import { listed } from '#tools/listed-tool.ts';

export const ERAS = ['legacy', 'modern'] as const;
export type Era = (typeof ERAS)[number];
const MODERN_REVISION = '2026-07-28';

/** A client that speaks the given era and nothing else. */
export function newClient(era: Era): Client {
  const mode = era === 'legacy' ? era : { pin: MODERN_REVISION };
  return new Client({ name: 'test', version: '0' }, { versionNegotiation: { mode } });
}

export interface Connected {
  readonly client: Client;
  readonly logged: readonly string[];
}

export interface ConnectOptions extends Partial<Omit<McpServerOptions, 'log'>> {
  readonly tools: readonly Tool[];
  readonly services: () => Promise<ToolServices>;
}

/** Connects both within this process. The connection is closed after the test. */
export async function connect(era: Era, options: ConnectOptions): Promise<Connected> {
  const { tools, services, ...rest } = options;
  const logged: string[] = [];
  const note = (message: string): void => void logged.push(message);
  const [near, far] = InMemoryTransport.createLinkedPair();
  const handle = serveStdio(
    () =>
      createMcpServer(tools.map(listed), services, {
        version: '0.0.0-test',
        instructions: 'Instructions of the test.',
        clock: systemClock,
        resources: {
          readStatus: async () => ({}),
          readRun: async () => '',
        },
        log: { debug: note, info: note, warn: note, error: note },
        ...rest,
      }),
    { transport: far },
  );
  const client = newClient(era);
  onTestFinished(async () => {
    await client.close();
    await handle.close();
  });
  await client.connect(near);
  return { client, logged };
}
