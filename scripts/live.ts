/** `npm run live -- NAME`: what only the real services can show. `modal` and `jobs` cost cents and end what they start; `hub` only reads; `clients` installs other agents and asks no service. */
import { runClients } from './live/clients.ts';
import { runHub } from './live/hub.ts';
import { runJobs } from './live/jobs.ts';
import { runModal } from './live/modal.ts';

const CHECKS: Readonly<Record<string, (flags: readonly string[]) => Promise<boolean>>> = {
  clients: runClients,
  hub: runHub,
  jobs: runJobs,
  modal: runModal,
};

const [name = '', ...flags] = process.argv.slice(2);
const run = CHECKS[name];
if (run === undefined) {
  console.error(`usage: npm run live -- ${Object.keys(CHECKS).join('|')} [--gpu NAME]`);
  process.exitCode = 2;
} else process.exitCode = (await run(flags)) ? 0 : 1;
