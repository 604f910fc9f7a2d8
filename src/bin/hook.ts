#!/usr/bin/env node
/** Answers one hook of Claude Code: `hook.cjs EVENT`, with its input on stdin. */
import { requireNode } from './require-node.ts';

requireNode("Glovebox's hooks");

async function main(): Promise<void> {
  const { runHookProcess } = await import('#main/hook.ts');
  process.exit(await runHookProcess(process.argv[2]));
}

main().catch((error: unknown) => {
  // Exit code 2 blocks; a hook that cannot even start must not let a call through.
  process.stderr.write(
    `Glovebox's hook failed: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exit(2);
});
