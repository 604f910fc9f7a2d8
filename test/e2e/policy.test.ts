/** The gate of the built server, without any hook: nothing is rented unless a person or the budget agreed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { call, callError, idOf } from '../mcp/call.ts';
import { ERAS, type Era } from '../mcp/harness.ts';
import { prepareForKernels, startServer, unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { freePort, isCertificateMissing } from '../rigs/modal-backend.ts';
import { startModalPlace } from '../rigs/modal-place.ts';
import { MARK } from '../rigs/reaper.mjs';

const isWithoutCertificate = isCertificateMissing();

const GPU = { gpu: 'T4', env: { [MARK]: 'of the fake' }, kernel_packages: 'minimal' };

/** A server with a person behind it, who gives the answers in turn. */
async function serverWith(
  bundle: Bundle,
  env: Readonly<Record<string, string>>,
  answers?: string[],
  era: Era = 'modern',
) {
  const shown: string[] = [];
  const { client } = await startServer(bundle, {
    era,
    env,
    prepare: (one) => {
      if (answers === undefined) return;
      one.registerCapabilities({ elicitation: { form: {} } });
      one.setRequestHandler('elicitation/create', ({ params }) => {
        shown.push(params.message);
        const decision = answers.shift();
        return decision === undefined
          ? { action: 'cancel' }
          : { action: 'accept', content: { decision } };
      });
    },
  });
  return { client, shown };
}

describe.skipIf(isWithoutCertificate)('12.2: without a hook', () => {
  it.each(ERAS)(
    'no machine is rented when nobody can be asked, or says no (%s era)',
    async (era) => {
      const bundle = unpackBundle();
      const { fake, env } = await startModalPlace(bundle.home);
      const wanted = { backend: 'modal', options: GPU };
      const alone = await serverWith(bundle, env, undefined, era);
      const refusal = await callError(alone.client, 'sandbox_create', wanted);
      expect(refusal).toMatch(/^\[policy\/needs-approval\] Start a paid sandbox on modal\?/);
      expect(refusal).toMatch(/glovebox approve a-[0-9a-f]{10}/);
      // CLI: an agent cannot approve it, and neither can anybody without a terminal.
      const id = /a-[0-9a-f]{10}/.exec(refusal)?.[0] ?? '';
      for (const more of [{}, { CLAUDECODE: '1' }]) {
        const { status, stderr } = spawnSync(
          process.execPath,
          [bundle.file('cli.mjs'), 'approve', id],
          {
            encoding: 'utf8',
            env: { PATH: process.env['PATH'], HOME: bundle.home, ...more },
          },
        );
        expect({ status, stderr }).toMatchObject({
          status: 1,
          stderr: expect.stringMatching(/person|people/),
        });
      }
      const unwilling = await serverWith(bundle, env, ['decline'], era);
      expect(await callError(unwilling.client, 'sandbox_create', wanted)).toMatch(
        /^\[policy\/refused\]/,
      );
      expect(unwilling.shown).toEqual([
        expect.stringMatching(
          /^Start a paid sandbox on modal\? {3}max\. \$1\.07\nlimit {6}1 h: 60 min x \$0\.0178\n/,
        ),
      ]);
      expect(unwilling.shown[0]).toContain('hardware   1 x T4, 2 cores, 8 GiB');
      expect(unwilling.shown[0]).toContain('account    acme-lab');
      expect(fake.alive()).toEqual([]);
    },
  );

  it('the person agrees once: it is started, counted, gone on with for nothing, and settled; the cap holds for the next', async () => {
    const bundle = unpackBundle();
    const place = await startModalPlace(bundle.home);
    const env = { ...prepareForKernels(bundle), ...place.env, GLOVEBOX_BUDGET_USD: '2' };
    const { client, shown } = await serverWith(bundle, env, ['approve']);
    const options = { ...GPU, jupyter_port: await freePort() };
    const created = await call(client, 'sandbox_create', { backend: 'modal', options });
    expect(created.text).toContain('state: ready');
    expect(created.text).toContain('spent or reserved $1.07 of $2.00 this session · $1.07 today');
    const sandbox_id = idOf(created, 'sandbox_id');
    expect(
      idOf(await call(client, 'sandbox_create', { backend: 'modal', options }), 'sandbox_id'),
    ).toBe(sandbox_id);
    expect(shown).toHaveLength(1);
    const second = { backend: 'modal', name: 'second', options };
    expect(await callError(client, 'sandbox_create', second)).toMatch(
      /^\[policy\/over-budget\] \$1\.07 needed, \$0\.93 left of the \$2\.00 for this session\./,
    );
    // P7: of several at once, the sum.
    expect(await callError(client, 'sandbox_create', { ...second, count: 2 })).toMatch(
      /^\[policy\/over-budget\] \$2\.1[34] needed, \$0\.93 left of the \$2\.00/,
    );
    const several = { ...second, count: 2, dry_run: true };
    expect((await call(client, 'sandbox_create', several)).text).toMatch(
      /most it can cost: \$1\.07, \$2\.1[34] for all 2\n/,
    );
    expect(shown).toHaveLength(1);
    expect((await call(client, 'sandbox_list')).text).toContain('spent or reserved $1.07 of $2.00');
    const stopped = await call(client, 'sandbox_stop', { sandbox_id });
    expect(stopped.text).toMatch(/spent or reserved \$0\.0\d of \$2\.00 this session/);
    expect(place.fake.alive()).toEqual([]);
    const ledger = readFileSync(path.join(bundle.home, '.glovebox/policy/ledger.jsonl'), 'utf8');
    const events = ledger
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(events).toMatchObject([
      { event: 'reserve', approval: 'elicitation' },
      { event: 'attach' },
      { event: 'settle' },
    ]);
  });
});
