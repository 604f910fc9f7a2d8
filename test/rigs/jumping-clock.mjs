/**
 * Loaded into a program before it (`--import`): its wall clock is off by what stands in a file, read at the start and with each
 * SIGUSR2. The clock that does not jump stays as it is, as on a machine whose time is set.
 */
import { readFileSync } from 'node:fs';

const RealDate = globalThis.Date;
const file = process.env.GLOVEBOX_TEST_CLOCK ?? '';
let offsetMs = 0;

const read = () => {
  offsetMs = Number(readFileSync(file, 'utf8'));
};

globalThis.Date = class JumpingDate extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(JumpingDate.now());
    else super(...parts);
  }

  static now() {
    return RealDate.now() + offsetMs;
  }
};

read();
process.on('SIGUSR2', read);
