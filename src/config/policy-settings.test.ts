import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import { OPTION_TABLE } from './options.ts';
import { POLICY_VARIABLES, readPolicySettings } from './policy-settings.ts';

const USD = 1_000_000;
const CAPS = { sessionCap: 5 * USD, dayCap: 20 * USD };

/** What the loaded configuration complains about. */
async function problemsOf(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const config = await loadConfig({ env: { HOME: '/nowhere', ...env }, cwd: '/', projectDir: '/' });
  return config
    .problems()
    .flatMap(({ severity, message }) => (severity === 'notice' ? [] : [message]));
}

describe('11.1: variables', () => {
  it.each<[Record<string, string>, object]>([
    [{ ML_INTERN_YOLO: '1' }, { autoApprove: true, ...CAPS }],
    [
      { GLOVEBOX_YOLO: '', ML_INTERN_YOLO: 'Yes' },
      { autoApprove: true, ...CAPS },
    ],
    [{ GLOVEBOX_YOLO: ' ON ' }, { autoApprove: true, ...CAPS }],
    [{ GLOVEBOX_YOLO: '${GLOVEBOX_YOLO}' }, { autoApprove: false }],
    [
      { GLOVEBOX_YOLO: '1', GLOVEBOX_BUDGET_USD: '2.50' },
      { sessionCap: 2.5 * USD, dayCap: 20 * USD },
    ],
    [
      { GLOVEBOX_YOLO: '1', GLOVEBOX_BUDGET_USD: 'Unlimited' },
      { sessionCap: 'unlimited', dayCap: 20 * USD },
    ],
    [{ GLOVEBOX_BUDGET_DAY_USD: '7' }, { sessionCap: undefined, dayCap: 7 * USD }],
    [{ ML_INTERN_CONFIRM_CPU_JOBS: 'off' }, { confirmCpuJobs: false }],
    [
      {},
      {
        autoApprove: false,
        confirmCpuJobs: true,
        confirmSlurm: false,
        sessionCap: undefined,
        dayCap: undefined,
      },
    ],
    [{ GLOVEBOX_CONFIRM_SLURM: 'true' }, { confirmSlurm: true }],
  ])('%j', async (env, expected) => {
    expect(readPolicySettings(env)).toMatchObject(expected);
    expect(await problemsOf(env)).toEqual([]);
  });

  it.each<[Record<string, string>, object]>([
    [{ GLOVEBOX_YOLO: 'sure' }, { autoApprove: false }],
    [{ GLOVEBOX_CONFIRM_CPU_JOBS: 'nope' }, { confirmCpuJobs: true }],
    [{ GLOVEBOX_CONFIRM_SLURM: 'maybe' }, { confirmSlurm: true }],
    [{ GLOVEBOX_BUDGET_USD: '-1' }, { sessionCap: 0 }],
    [{ GLOVEBOX_BUDGET_USD: 'five' }, { sessionCap: 0 }],
    [{ GLOVEBOX_BUDGET_DAY_USD: '1e9' }, { dayCap: 0 }],
  ])('%j is taken for the safe value, and complained about once', async (env, expected) => {
    expect(readPolicySettings(env)).toMatchObject(expected);
    expect(await problemsOf(env)).toEqual([expect.stringContaining(Object.keys(env)[0] ?? '')]);
  });

  it('the new name counts, and the old one is complained about', async () => {
    const env = { GLOVEBOX_YOLO: '0', ML_INTERN_YOLO: '1' };
    expect(readPolicySettings(env)).toMatchObject({ autoApprove: false, sessionCap: undefined });
    expect(await problemsOf(env)).toEqual([
      expect.stringContaining('ML_INTERN_YOLO says something else'),
    ]);
  });

  it.each(['on', '1', 'TRUE'])('ML_INTERN_LOCAL_MODE=%s means the local back end', async (text) => {
    const env = { HOME: '/nowhere', ML_INTERN_LOCAL_MODE: text };
    expect((await loadConfig({ env, cwd: '/', projectDir: '/' })).get('backend')).toBe('local');
  });

  it.each(['off', '0', 'nonsense'])('ML_INTERN_LOCAL_MODE=%s says nothing', async (text) => {
    const env = { HOME: '/nowhere', ML_INTERN_LOCAL_MODE: text };
    expect((await loadConfig({ env, cwd: '/', projectDir: '/' })).get('backend')).toBeUndefined();
  });

  it('takes a budget out of the options of the plugin, under the name that hooks and the server get', () => {
    const option = { CLAUDE_PLUGIN_OPTION_BUDGET_USD: '3' };
    expect(readPolicySettings(option).sessionCap).toBe(3_000_000);
    expect(readPolicySettings({ ...option, GLOVEBOX_BUDGET_USD: '1' }).sessionCap).toBe(1_000_000);
    expect(readPolicySettings({ CLAUDE_PLUGIN_OPTION_BUDGET_USD: '' }).sessionCap).toBeUndefined();
    expect(readPolicySettings({ CLAUDE_PLUGIN_OPTION_BUDGET_DAY_USD: 'much' }).dayCap).toBe(0);
  });

  it('has the same names as the table of options, which no file may set', () => {
    const rows = Object.entries(OPTION_TABLE).filter(([key]) => key.startsWith('policy.'));
    const names = rows.map(([, { env, oldNames = [], pluginOption, from }]) => [
      env,
      oldNames.map((old) => old.env),
      pluginOption,
      from,
    ]);
    const wanted = Object.values(POLICY_VARIABLES).map((row) => [
      row.env,
      row.old === undefined ? [] : [row.old],
      'plugin' in row ? row.plugin : undefined,
      'outside',
    ]);
    expect(names).toEqual(wanted);
  });
});
