#!/usr/bin/env node
/** Starts the MCP server on stdin and stdout. Nothing but protocol may reach stdout, whatever a library prints. */
import { keepStdoutForProtocol } from '#main/protocol-stdout.ts';
import { requireNode } from './require-node.ts';

requireNode('The Glovebox MCP server');
keepStdoutForProtocol();

async function main(): Promise<void> {
  const { serve } = await import('#main/serve.ts');
  await serve();
}

main().catch((error: unknown) => {
  process.stderr.write(`glovebox: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
