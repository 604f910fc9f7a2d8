/** How known clients open a connection, what they can show, and how they end a server: observed, not read about (docs/clients.md). */
import type { JsonObject } from '#core/json.ts';

export interface ClientProfile {
  /** Name and version it was observed with. */
  readonly client: string;
  /** Its first request; `discover` belongs to the newer era of the protocol. */
  readonly opening: 'discover' | 'initialize';
  readonly protocolVersion: string;
  readonly capabilities: JsonObject;
  /** What the model reads as the name of a tool. */
  readonly nameOf: (tool: string) => string;
  /** Characters of text in one result that reach the model whole. */
  readonly maxResultChars: number;
  readonly endsBy: 'SIGINT' | 'SIGTERM' | 'end of input';
}

/** With these the server may ask where the project is. */
const roots = { roots: { listChanged: true } };
const elicitation = { elicitation: { form: {}, url: {} } };

export const CLIENT_PROFILES: readonly ClientProfile[] = [
  {
    client: 'Claude Code 2.1.329',
    opening: 'discover',
    protocolVersion: '2026-07-28',
    capabilities: { ...roots, ...elicitation },
    nameOf: (tool) => `mcp__plugin_glovebox_glovebox__${tool}`,
    maxResultChars: 49_993,
    endsBy: 'SIGINT',
  },
  {
    client: 'Claude Code 2.1.329, older era',
    opening: 'initialize',
    protocolVersion: '2025-11-25',
    capabilities: { ...roots, ...elicitation },
    nameOf: (tool) => `mcp__glovebox__${tool}`,
    maxResultChars: 49_993,
    endsBy: 'SIGINT',
  },
  {
    client: 'Codex CLI 0.169.0',
    opening: 'initialize',
    protocolVersion: '2025-06-18',
    capabilities: elicitation,
    nameOf: (tool) => `mcp__glovebox__${tool}`,
    maxResultChars: 12_000,
    endsBy: 'SIGTERM',
  },
  {
    client: 'Gemini CLI 0.61.0',
    opening: 'initialize',
    protocolVersion: '2025-06-18',
    capabilities: roots,
    nameOf: (tool) => `mcp_glovebox_${tool}`,
    maxResultChars: 40_000,
    endsBy: 'SIGTERM',
  },
  {
    client: 'OpenCode 1.18.33',
    opening: 'initialize',
    protocolVersion: '2025-11-25',
    capabilities: roots,
    nameOf: (tool) => `glovebox_${tool}`,
    maxResultChars: 50_003,
    endsBy: 'end of input',
  },
  {
    client: 'a client of 2024',
    opening: 'initialize',
    protocolVersion: '2024-11-05',
    capabilities: {},
    nameOf: (tool) => tool,
    maxResultChars: 12_000,
    endsBy: 'SIGTERM',
  },
];
