import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { fakeHost, runFake } from '../../test/rigs/cli-host.ts';
import { sandboxView } from '../../test/rigs/cli-objects.ts';

describe('doctor', () => {
  it('finds nothing on a sound machine', async () => {
    const { code, out, err } = await runFake(['doctor'], { sandboxes: [sandboxView()] });
    expect([code, err]).toEqual([0, '']);
    expect(out).not.toMatch(/^(warn|FAIL)/m);
    for (const about of [
      'node',
      'configuration',
      'state folder',
      'python',
      'jupyter',
      'back end local',
      'Hugging Face',
      'sandboxes',
    ]) {
      expect(out).toContain(`ok    ${about}: `);
    }
  });

  it.each([
    [
      {
        kind: 'failed' as const,
        source: 'HF_TOKEN',
        message: 'rejected',
        hint: 'set another one.',
      },
      'warn  Hugging Face: with the token of HF_TOKEN: rejected\n      next: set another one.',
    ],
    [
      { role: 'read' },
      /^warn {2}Hugging Face: me \(of org\) by HF_TOKEN, a read token; 2 Jobs of org have not ended; it can start none\n {6}next: Make one/m,
    ],
    [{ hasLivePrices: false }, 'the budget agrees to nothing there'],
    [
      {},
      'ok    Hugging Face: me (of org) by HF_TOKEN, a write token; 2 Jobs of org have not ended; prices of 7 machines are current',
    ],
  ])('tells of Jobs on the Hub what a person has to know: %j', async (facts, expected) => {
    const { host } = fakeHost({});
    const account = {
      kind: 'account' as const,
      source: 'HF_TOKEN',
      name: 'me',
      organisations: ['org'],
      role: 'write',
      namespace: 'org',
      openJobs: 2,
      flavors: 7,
      hasLivePrices: true,
    };
    const probes = {
      ...host.probes,
      huggingface: () => Promise.resolve('kind' in facts ? facts : { ...account, ...facts }),
    };
    expect((await runFake(['doctor'], { host: { probes } })).out).toMatch(expected);
  });

  it.each([
    [{ hasToken: false, account: undefined }, 'ok    Modal: no token: machines there need one'],
    [{ hasToken: true, account: 'lab' }, 'ok    Modal: a token; what is rented is paid by lab'],
  ])('tells who pays at Modal: %j', async (facts, expected) => {
    const { host } = fakeHost({});
    const probes = { ...host.probes, modal: () => Promise.resolve(facts) };
    expect((await runFake(['doctor'], { host: { probes } })).out).toContain(expected);
  });

  it('goes on after a failure, and gives a next step for everything that is wrong', async () => {
    const { host } = fakeHost({});
    const probes = {
      ...host.probes,
      stateFolder: () =>
        Promise.resolve({ path: '/state', exists: true, mode: 0o755, isWritable: true }),
      kernelPython: () =>
        Promise.reject(new GloveboxError('python/missing', 'No Python.', { hint: 'Install one.' })),
      managedEnvironment: () =>
        Promise.resolve({ path: '/e', state: 'broken' as const, detail: 'no pip' }),
      findProgram: () => Promise.resolve(undefined),
      damagedRecords: () => Promise.resolve(['/state/x.json.bad']),
    };
    const sandboxes = [sandboxView({ state: 'unreachable', detail: 'silent' })];
    const env = {
      GLOVEBOX_WAIT_S: 'x',
      JLAB_MCP_PYTHON: '/p',
      GLOVEBOX_PROXY: 'http://me:hunter2@p',
    };
    const world = { host: { probes }, sandboxes, env };
    const { code, json } = await runFake(['doctor', '--json'], world);
    expect(code).toBe(1);
    const report = z
      .object({
        findings: z.array(
          z.object({ status: z.string(), about: z.string(), next: z.string().optional() }),
        ),
      })
      .parse(json());
    expect(report.findings.map(({ status, about }) => `${status} ${about}`)).toEqual([
      'ok node',
      'warn configuration',
      'fail configuration',
      'warn state folder',
      'warn records',
      'fail python',
      'fail jupyter',
      'warn back end local',
      'ok Modal',
      'ok Hugging Face',
      'warn sandboxes',
      'ok research',
      'ok transcripts',
      'ok policy',
    ]);
    expect(
      report.findings.filter(({ status, next }) => status !== 'ok' && next === undefined),
    ).toEqual([]);
    const { out } = await runFake(['doctor'], world);
    expect(out).toContain('FAIL  python: No Python.\n      next: Install one.');
    expect(out).toContain('python.interpreter = /p  (JLAB_MCP_PYTHON)');
    expect(out).not.toContain('hunter2');
  });
});
