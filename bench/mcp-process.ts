/** An MCP server as a process, with a real client at its other end. */
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { readFile } from 'node:fs/promises';

export interface Answer {
  /** All text blocks, joined by newlines. */
  readonly text: string;
  readonly meta: Readonly<Record<string, unknown>>;
}

export interface McpProcess {
  readonly client: Client;
  readonly pid: number;
  /** @throws an Error for an answer that is an error: a benchmark of failures would look fast. */
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** The most memory it ever had, in bytes (Linux). */
  peakMemoryBytes(): Promise<number>;
  stop(): Promise<void>;
}

export interface McpCommand {
  readonly script: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const CALL_LIMIT_MS = 300_000;

/** Resolves when the handshake is complete. */
export async function startMcpServer({ script, cwd, env }: McpCommand): Promise<McpProcess> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [script],
    cwd,
    env: { ...env },
    stderr: 'pipe',
  });
  let stderr = '';
  transport.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
  // What the clients of today speak.
  const client = new Client(
    { name: 'bench', version: '0' },
    { versionNegotiation: { mode: 'legacy' } },
  );
  await client.connect(transport);
  const { pid } = transport;
  if (pid === null) throw new Error(`the server has no process: ${stderr}`);
  return {
    client,
    pid,
    async call(tool, args) {
      const call = { name: tool, arguments: { ...args } };
      const { content, isError, _meta } = await client.callTool(call, { timeout: CALL_LIMIT_MS });
      const text = content
        .flatMap((block) => (block.type === 'text' ? [block.text] : []))
        .join('\n');
      if (isError === true) throw new Error(`${tool} failed: ${text}\n${stderr}`);
      return { text, meta: _meta ?? {} };
    },
    async peakMemoryBytes() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
      return Number(kib) * 1024;
    },
    stop: () => client.close(),
  };
}

/** A text of the answer's `_meta`. */
export function idIn({ meta, text }: Answer, key: string): string {
  const value = meta[key];
  if (typeof value !== 'string') throw new Error(`no ${key} in the answer: ${text}`);
  return value;
}
