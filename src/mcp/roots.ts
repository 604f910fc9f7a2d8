/** The folders that the client works in, where it can be asked for them. */
import type { McpServer } from '@modelcontextprotocol/server';
import { fileURLToPath } from 'node:url';

/** A client that has to ask its user first must not hold up the first call. */
const LIMIT_MS = 2000;

/**
 * Absolute paths in the client's order; empty when it has none, cannot be asked (the newer era has no such request) or does
 * not answer soon. Never throws.
 */
export async function listRootFolders(server: McpServer): Promise<readonly string[]> {
  const inner = server.server;
  if (inner.getClientCapabilities()?.roots === undefined) return [];
  try {
    const { roots } = await inner.listRoots(undefined, { timeout: LIMIT_MS });
    return roots.map(({ uri }) => uri).flatMap(toFolder);
  } catch {
    return [];
  }
}

function toFolder(uri: string): string[] {
  try {
    return uri.startsWith('file:') ? [fileURLToPath(uri)] : [];
  } catch {
    return [];
  }
}
