/** Leave to start a sandbox is used once or given back, whatever happens between the two. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { abandonOn } from '#core/abort.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { defineBackend } from './backend.ts';
import { BackendRegistry } from './registry.ts';
import { Sandboxes } from './sandboxes.ts';

let dir: string;
let opened: Sandboxes[] = [];
beforeEach(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-creation-')));
});
afterEach(async () => {
  for (const sandboxes of opened.splice(0)) sandboxes.close();
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
});

/** What another Glovebox process would see of the same folder. Its starts take as long as it lives. */
function service(): Sandboxes {
  const rented = defineBackend({
    id: 'modal',
    summary: 'for a test',
    needs: {},
    options: z.strictObject({}),
    sharesHost: false,
    offers: async () => [],
    start: (_options, { signal }) => abandonOn(new Promise<never>(() => undefined), signal),
    state: () => Promise.reject(new Error('not here')),
    endpoint: () => Promise.reject(new Error('not here')),
    logs: async () => [],
    stop: async () => undefined,
  });
  const registry = new BackendRegistry({ modal: async () => rented });
  const defaultBackend = () => 'modal' as const;
  const sandboxes = new Sandboxes({
    registry,
    dir,
    clock: systemClock,
    log: silentLog,
    defaultBackend,
  });
  opened.push(sandboxes);
  return sandboxes;
}

const request = { backend: 'modal' as const, once: 'options' as const, options: {} };
const waiting = (signal = new AbortController().signal) => ({
  waitMs: 0,
  signal,
  report: () => undefined,
});

test('a reservation is released when the call is given up after another process was faster', async () => {
  const [first, second] = [service(), service()];
  const told: string[] = [];
  const leave = (name: string) => ({
    attach: async () => void told.push(`${name} attached`),
    release: async () => void told.push(`${name} released`),
  });
  const abort = new AbortController();
  const call = second.create(
    {
      ...request,
      projectDir: dir,
      admit: async () => {
        // While a person is asked, another one starts it; then the client goes away.
        await first.create(
          { ...request, projectDir: dir, admit: async () => leave('first') },
          waiting(),
        );
        abort.abort();
        return leave('second');
      },
    },
    waiting(abort.signal),
  );
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  expect(told).toEqual(['first attached', 'second released']);
});
