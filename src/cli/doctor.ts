/** The examinations of `glovebox doctor`, one after the other, each on its own. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { capWords } from '#policy/prompt.ts';
import type { CommandContext } from './command.ts';
import { statusLines } from './commands/transcripts.ts';

export interface Finding {
  readonly status: 'ok' | 'warn' | 'fail';
  readonly about: string;
  readonly message: string;
  /** The exact next step; for everything that is not `ok`. */
  readonly next?: string;
}

type Examination = (context: CommandContext) => Promise<readonly Finding[]>;

const LITTLE_SPACE_BYTES = 1024 ** 3;

const EXAMINATIONS: readonly (readonly [about: string, examine: Examination])[] = [
  ['node', examineNode],
  ['configuration', examineConfig],
  ['state folder', examineStateFolder],
  ['records', examineRecords],
  ['python', examinePython],
  ['jupyter', examineEnvironment],
  ['back end', examineBackends],
  ['Modal', examineModal],
  ['Hugging Face', examineHuggingface],
  ['sandboxes', examineSandboxes],
  ['research', examineResearch],
  ['transcripts', examineTranscripts],
  ['policy', examinePolicy],
];

/** One that fails to answer is a finding itself, and hides none of the others. */
export async function* examine(context: CommandContext): AsyncGenerator<Finding> {
  for (const [about, look] of EXAMINATIONS) {
    context.progress.report({ message: `looking at ${about}` });
    let found: readonly Finding[];
    try {
      found = await look(context);
    } catch (error) {
      if (context.signal.aborted) throw error;
      const hint = error instanceof GloveboxError ? error.hint : undefined;
      const next = hint ?? 'glovebox doctor --debug shows more.';
      found = [{ status: 'fail', about, message: messageOf(error), next }];
    }
    yield* found;
  }
}

async function examineNode({ host }: CommandContext): Promise<readonly Finding[]> {
  const message = `${host.probes.nodeVersion} on ${host.probes.platform}, Glovebox ${host.version}`;
  if (host.probes.platform !== 'win32') return [{ status: 'ok', about: 'node', message }];
  return [
    {
      status: 'warn',
      about: 'node',
      message: `${message}; Windows is not tested`,
      next: 'Use WSL if something does not work.',
    },
  ];
}

/** No token is no fault: public reads need none. Nothing is asked of a service. */
async function examineResearch({ host, config }: CommandContext): Promise<readonly Finding[]> {
  const { tokens, cacheBytes } = await host.probes.remoteServices(config);
  const named = tokens.map(
    ({ service, host: at, source }) => `${service} (${at}): ${source ?? 'no token'}`,
  );
  const message = `${named.join(', ')}; ${renderBytes(cacheBytes)} of answers are kept`;
  return [{ status: 'ok', about: 'research', message }];
}

/** What may be spent, what has been, and whether the ledger can still be believed. */
async function examinePolicy(context: CommandContext): Promise<readonly Finding[]> {
  const about = 'policy';
  const { policy } = await context.services();
  const spent = await policy.spend.line();
  // An unreadable ledger is told with its line.
  await policy.ledger.entries();
  const { caps } = await policy.loadCaps();
  const auto = context.config.getOrDefault('policy.yolo')
    ? 'approved by the budget'
    : 'asked about';
  const message = `what costs money is ${auto}; ${capWords(caps.session)} a session, ${capWords(caps.day)} a day; ${spent ?? 'nothing spent today'}`;
  return [{ status: 'ok', about, message }];
}

/** Off is as it should be. What is held back needs a person. */
async function examineTranscripts({ host, config }: CommandContext): Promise<readonly Finding[]> {
  const about = 'transcripts';
  const status = await (await host.openUploads(config)).status();
  const message = statusLines(status).join('; ');
  const isHeld = status.isOn && status.counts.blocked + status.counts.failed > 0;
  return isHeld
    ? [{ status: 'warn', about, message, next: 'glovebox transcripts upload tries again.' }]
    : [{ status: 'ok', about, message }];
}

async function examineConfig({ config }: CommandContext): Promise<readonly Finding[]> {
  const problems = config.problems();
  if (problems.length === 0)
    return [{ status: 'ok', about: 'configuration', message: 'no problems' }];
  return problems.map(({ severity, message, hint }) => ({
    status: severity === 'error' ? 'fail' : 'warn',
    about: 'configuration',
    message,
    next: hint ?? 'Correct or unset it.',
  }));
}

async function examineStateFolder({ host, config }: CommandContext): Promise<readonly Finding[]> {
  const about = 'state folder';
  const folder = await host.probes.stateFolder(config);
  const { path, mode, freeBytes } = folder;
  if (!folder.isWritable) {
    return [
      {
        status: 'fail',
        about,
        message: `${path} cannot be written`,
        next: 'Correct its permissions, or set GLOVEBOX_DIR to a folder of your own.',
      },
    ];
  }
  if (!folder.exists) return [{ status: 'ok', about, message: `${path} (made when it is needed)` }];
  const found: Finding[] = [];
  if (mode !== undefined && (mode & 0o077) !== 0)
    found.push({
      status: 'warn',
      about,
      message: `others can enter ${path}`,
      next: `chmod 700 ${path}`,
    });
  if (freeBytes !== undefined && freeBytes < LITTLE_SPACE_BYTES)
    found.push({
      status: 'warn',
      about,
      message: `${renderBytes(freeBytes)} free in ${path}`,
      next: 'Free some space: notebooks and logs need it.',
    });
  return found.length > 0 ? found : [{ status: 'ok', about, message: path }];
}

async function examineRecords({ host, config }: CommandContext): Promise<readonly Finding[]> {
  const damaged = await host.probes.damagedRecords(config);
  return damaged.map((file) => ({
    status: 'warn',
    about: 'records',
    message: `${file} could not be read and was set aside`,
    next: 'Repair it and rename it back to .json, or remove it when nothing of it runs any more.',
  }));
}

async function examinePython({
  host,
  config,
  signal,
}: CommandContext): Promise<readonly Finding[]> {
  const about = 'python';
  const { path, version, reason, hasIpykernel } = await host.probes.kernelPython(config, signal);
  const message = `${version} at ${path} (${reason})`;
  if (hasIpykernel) return [{ status: 'ok', about, message }];
  return [
    {
      status: 'fail',
      about,
      message: `${message} has no ipykernel, so no kernel can run on it`,
      next: `${path} -m pip install ipykernel`,
    },
  ];
}

async function examineEnvironment({
  host,
  config,
  signal,
}: CommandContext): Promise<readonly Finding[]> {
  const about = 'jupyter';
  const { path, state, detail } = await host.probes.managedEnvironment(config, signal);
  if (state === 'ready')
    return [{ status: 'ok', about, message: `${detail ?? 'ready'} in ${path}` }];
  if (state === 'broken') {
    return [
      {
        status: 'fail',
        about,
        message: `${path} does not work: ${detail ?? 'unknown reason'}`,
        next: `Remove ${path}; it is made again at the next start.`,
      },
    ];
  }
  const [uv, python] = [
    await host.probes.findProgram('uv'),
    await host.probes.findProgram('python3'),
  ];
  if (config.getOrDefault('offline')) {
    return [
      {
        status: 'fail',
        about,
        message: 'not installed yet, and GLOVEBOX_OFFLINE forbids it',
        next: 'Unset GLOVEBOX_OFFLINE once and run glovebox start.',
      },
    ];
  }
  const installer = uv ?? python;
  if (installer === undefined) {
    return [
      {
        status: 'fail',
        about,
        message: 'not installed yet, and there is neither uv nor python3',
        next: 'Install Python 3.10 or newer, or uv (https://docs.astral.sh/uv).',
      },
    ];
  }
  return [{ status: 'ok', about, message: `installed at the first start, with ${installer}` }];
}

async function examineBackends(context: CommandContext): Promise<readonly Finding[]> {
  const { sandboxes } = await context.services();
  const findings: Finding[] = [];
  for (const id of sandboxes.backends()) {
    const about = `back end ${id}`;
    const { needs, summary } = await sandboxes.backend(id);
    const missing = await absent(context, needs.commands ?? []);
    const any = needs.anyCommand ?? [];
    const hasAny = any.length === 0 || (await absent(context, any)).length < any.length;
    if (missing.length === 0 && hasAny) findings.push({ status: 'ok', about, message: summary });
    else {
      const lacks = [...missing, ...(hasAny ? [] : [`one of ${any.join(', ')}`])].join(' and ');
      findings.push({
        status: 'warn',
        about,
        message: `cannot be used here: ${lacks} not on the PATH`,
        next: `Install ${lacks}, if you want ${id}.`,
      });
    }
  }
  return findings;
}

/** No token is no fault. */
async function examineModal({ host, config }: CommandContext): Promise<readonly Finding[]> {
  const { hasToken, account } = await host.probes.modal(config);
  const message = hasToken
    ? `a token; what is rented is paid by ${account ?? 'the account it belongs to'}`
    : 'no token: machines there need one (modal token new, or modal.token_id and modal.token_secret)';
  return [{ status: 'ok', about: 'Modal', message }];
}

/** No token is no fault. What a token is good for only the Hub knows. */
async function examineHuggingface({
  host,
  config,
  signal,
}: CommandContext): Promise<readonly Finding[]> {
  const about = 'Hugging Face';
  if (config.getOrDefault('offline')) return [];
  const facts = await host.probes.huggingface(config, signal);
  if (facts.kind === 'no-token') {
    const message = 'no token: Jobs, and sandboxes in them, need one';
    return [{ status: 'ok', about, message }];
  }
  const { source } = facts;
  if (facts.kind === 'failed') {
    const { message, hint: next } = facts;
    return [{ status: 'warn', about, message: `with the token of ${source}: ${message}`, next }];
  }
  const { name, organisations, role, namespace, openJobs, flavors, hasLivePrices } = facts;
  const who = organisations.length === 0 ? name : `${name} (of ${organisations.join(', ')})`;
  const message = `${who} by ${source}${role === undefined ? '' : `, a ${role} token`}; ${openJobs} Jobs of ${namespace} have not ended`;
  if (role === 'read') {
    const next = `Make one that may start Jobs at ${config.getOrDefault('hub.endpoint')}/settings/tokens, if you want them.`;
    return [{ status: 'warn', about, message: `${message}; it can start none`, next }];
  }
  return hasLivePrices
    ? [{ status: 'ok', about, message: `${message}; prices of ${flavors} machines are current` }]
    : [
        {
          status: 'warn',
          about,
          message: `${message}; the Hub tells no prices now, so the budget agrees to nothing there`,
          next: 'glovebox doctor asks again; until then each start is asked about.',
        },
      ];
}

async function absent(
  { host }: CommandContext,
  programs: readonly string[],
): Promise<readonly string[]> {
  const found = await Promise.all(programs.map((name) => host.probes.findProgram(name)));
  return programs.filter((_, index) => found[index] === undefined);
}

async function examineSandboxes(context: CommandContext): Promise<readonly Finding[]> {
  const { sandboxes, sessions } = await context.services();
  const about = 'sandboxes';
  const views = await sandboxes.list({}, context.signal);
  const lost = views.filter(
    ({ status }) => status.state === 'unreachable' || status.state === 'unknown',
  );
  if (lost.length > 0) {
    return lost.map(({ id, status }) => ({
      status: 'warn',
      about,
      message: `${id} is ${status.state}${status.detail === undefined ? '' : `: ${status.detail}`}`,
      next: `glovebox wait ${id} asks again, glovebox logs ${id} shows its log, glovebox stop ${id} ends it.`,
    }));
  }
  const own = await sessions.list(false);
  return [
    {
      status: 'ok',
      about,
      message: `${views.length} running; ${own.length} sessions in this project`,
    },
  ];
}
