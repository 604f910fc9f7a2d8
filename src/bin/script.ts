/** Runs a set-up script; started by `glovebox run`, never by a person. */
import { runScript } from '#main/run-script.ts';

runScript(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`glovebox: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
