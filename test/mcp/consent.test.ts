/** What changes something outside waits for a person, in both eras; without one it is refused with the way to allow it. */
import * as z from 'zod';
import { InMemoryTransport, type Client } from '@modelcontextprotocol/client';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMcpServer } from '#mcp/server.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { createPolicy } from '#main/policy.ts';
import type { CallFacts } from '#tools/authorize.ts';
import { defineTool, textResult, type ToolServices } from '#tools/define-tool.ts';
import { listed } from '#tools/listed-tool.ts';
import { call, callError } from './call.ts';
import { ERAS, newClient, type Era } from './harness.ts';

type Reply = {
  readonly action: 'accept' | 'decline' | 'cancel';
  readonly content?: { decision: string };
};

interface Stage {
  readonly client: Client;
  /** What was done. */
  readonly done: string[];
  /** What the person was shown. */
  readonly shown: string[];
}

/** A client whose person answers with `reply`; without one it cannot ask. */
async function stage(era: Era, about: CallFacts, reply?: () => Reply): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'glovebox-consent-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const done: string[] = [];
  const shown: string[] = [];
  const tool = defineTool({
    name: 'hf_repo_files',
    toolset: 'hub',
    title: 'Delete it',
    description: 'A tool of the test.',
    input: z.strictObject({ path: z.string().describe('Which one') }),
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
    async run({ path }, { authorize, ask, signal }) {
      const facts = [`file ${path}`, ...Array.from({ length: 200 }, (_, n) => `line ${n}`)];
      const binding = { path };
      const question = `Delete ${path}?`;
      await authorize(
        { tool: 'hf_repo_files', operation: 'delete', about, question, facts, binding },
        { ask, signal },
      );
      done.push(path);
      return textResult(`Deleted ${path}.`);
    },
  });
  const { authorize } = createPolicy({ dir, env: {}, clock: systemClock });
  const services = z.custom<ToolServices>().parse({ authorize });
  const [near, far] = InMemoryTransport.createLinkedPair();
  const resources = { readStatus: async () => ({}), readRun: async () => '' };
  const handle = serveStdio(
    () =>
      createMcpServer([listed(tool)], async () => services, {
        version: '0',
        instructions: '',
        clock: systemClock,
        resources,
        log: silentLog,
      }),
    { transport: far },
  );
  const client = newClient(era);
  if (reply !== undefined) {
    client.registerCapabilities({ elicitation: { form: {} } });
    client.setRequestHandler('elicitation/create', ({ params }) => {
      shown.push(params.message);
      return reply();
    });
  }
  onTestFinished(async () => {
    await client.close();
    await handle.close();
  });
  await client.connect(near);
  return { client, done, shown };
}

const OWN: CallFacts = { ownership: 'own' };
const approve = (): Reply => ({ action: 'accept', content: { decision: 'approve' } });

describe.each(ERAS)('%s era', (era) => {
  it('does what is free without a question', async () => {
    const { client, done, shown } = await stage(era, { isDryRun: true }, approve);
    expect((await call(client, 'hf_repo_files', { path: 'a' })).text).toBe('Deleted a.');
    expect([done, shown]).toEqual([['a'], []]);
  });

  it('does anything else once, after a person has read what it is and agreed', async () => {
    const { client, done, shown } = await stage(era, OWN, approve);
    expect((await call(client, 'hf_repo_files', { path: 'a' })).text).toBe('Deleted a.');
    expect(done).toEqual(['a']);
    expect(shown).toHaveLength(1);
    expect(shown[0]).toMatch(/^Delete a\?\nfile a\n[\s\S]*\(and \d+ more lines\)$/);
    expect(shown[0]?.length).toBeLessThanOrEqual(1500);
  });

  it.each([
    { action: 'decline' },
    { action: 'cancel' },
    { action: 'accept', content: { decision: 'decline' } },
  ] as const)('takes %j for a no', async (reply) => {
    const { client, done } = await stage(era, OWN, () => reply);
    const text = await callError(client, 'hf_repo_files', { path: 'a' });
    expect(text).toMatch(/^\[policy\/refused\].*Nothing was changed.\nNext: do not repeat/);
    expect(done).toEqual([]);
  });

  it('refuses where nobody can be asked, and says how it can be allowed', async () => {
    const { client, done } = await stage(era, OWN);
    const text = await callError(client, 'hf_repo_files', { path: 'a' });
    expect(text).toMatch(/^\[policy\/needs-approval\] Delete a\?.*Nothing was changed/);
    expect(text).toMatch(/glovebox approve a-[0-9a-f]{10}\. Then make the same call again/);
    expect(done).toEqual([]);
  });
});

it('counts an answer for the operation that was shown and for no other', async () => {
  const { client, done, shown } = await stage('modern', OWN, approve);
  await call(client, 'hf_repo_files', { path: 'a' });
  await call(client, 'hf_repo_files', { path: 'b' });
  expect(shown.map((text) => text.split('\n')[0])).toEqual(['Delete a?', 'Delete b?']);
  expect(done).toEqual(['a', 'b']);
});
