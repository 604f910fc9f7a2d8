/** `npm run live -- BACKEND`: what only a real account can show. Costs cents, ends what it starts, and says what it found. */
import { runModal } from './live/modal.ts';

const BACKENDS: Readonly<Record<string, (flags: readonly string[]) => Promise<boolean>>> = {
  modal: runModal,
};

const [name = '', ...flags] = process.argv.slice(2);
const run = BACKENDS[name];
if (run === undefined) {
  console.error(`usage: npm run live -- ${Object.keys(BACKENDS).join('|')} [--gpu NAME]`);
  process.exitCode = 2;
} else process.exitCode = (await run(flags)) ? 0 : 1;
