#!/usr/bin/env node
/** Starts the MCP server on stdin and stdout. Nothing but protocol may reach stdout, whatever a library prints. */
import { Console } from 'node:console';
import { requireNode } from './require-node.ts';

requireNode('The Glovebox MCP server');
globalThis.console = new Console(process.stderr, process.stderr);

async function main(): Promise<void> {
  const { serve } = await import('#main/serve.ts');
  await serve();
}

main().catch((error: unknown) => {
  process.stderr.write(`glovebox: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
