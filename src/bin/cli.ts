#!/usr/bin/env node
/** Starts the command line. */
import { requireNode } from './require-node.ts';

requireNode('glovebox');

async function main(): Promise<void> {
  const { runCommandLine } = await import('#main/command-line.ts');
  // After a second Ctrl-C something may still be open that nobody waits for.
  process.exit(await runCommandLine(process.argv.slice(2)));
}

main().catch((error: unknown) => {
  process.stderr.write(`glovebox: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
