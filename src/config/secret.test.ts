import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from './secret.ts';

it('never prints itself, alone or inside something', () => {
  const secret = new Secret('hunter2');
  const printed = [
    String(secret),
    JSON.stringify({ secret }),
    inspect({ deep: [secret] }),
    inspect(secret, { showHidden: true }),
    Object.entries(secret).join(),
  ].join(' ');
  expect(printed).not.toContain('hunter2');
  expect(printed.match(/\[redacted\]/g)).toHaveLength(4);
  expect(secret.reveal()).toBe('hunter2');
});
