/** Says what a Job would do and cost, from what lies on this machine and at most a second of asking the Hub. */
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import { renderUsd } from '#core/money.ts';
import type { PlannedOperation } from '#policy/contract.ts';
import { estimate } from '#policy/cost.ts';
import { defaultImage, mayInherit } from '#policy/job-images.ts';
import { sha256, type NormalCall } from '#policy/normalise.ts';
import { fact } from '#policy/prompt.ts';
import { checkScript, savesTo } from '#policy/script-checks/checks.ts';
import { splitRequirements } from '#policy/script-checks/python-packages.ts';
import type { ScriptToCheck } from '#policy/script-checks/script.ts';
import { lineCount, scriptSourceOf } from '#policy/script-source.ts';
import { parseTimeLimitS } from '#policy/time-limit.ts';
import type { HookWorld } from './contract.ts';

type Args = NormalCall['args'];
const DEFAULT_FLAVOR = 'cpu-basic';

/** Undefined: it cannot be told here in full (a schedule, a dashboard, a file in a sandbox, the Hub is silent), so the server asks. */
export async function planJob(
  { tool, operation, args }: NormalCall,
  world: HookWorld,
): Promise<PlannedOperation | undefined> {
  const isRun = operation === 'run' || operation === 'uv';
  if (!isRun || args['trackio_space_id'] !== undefined) return undefined;
  const code = await codeOf(args, world);
  const [who, flavors] = await Promise.all([
    world.whoAmI(world.signal),
    world.flavors(world.signal),
  ]);
  const name = textIn(args, 'hardware_flavor') ?? DEFAULT_FLAVOR;
  const flavor = flavors?.find((each) => each.name === name);
  if (code === undefined || flavor === undefined || 'unknown' in who) return undefined;
  const wanted = textIn(args, 'namespace') ?? world.jobNamespace ?? who.name;
  const namespace = [who.name, ...who.organisations].find(
    (each) => each.toLowerCase() === wanted.toLowerCase(),
  );
  const unitMicroUsd = flavor.microUsdPerMinute;
  if (namespace === undefined || unitMicroUsd === undefined) return undefined;
  const isOwn = namespace === who.name;

  const image = textIn(args, 'image') ?? defaultImage(code.source !== undefined);
  const secrets = Object.keys(recordIn(args, 'secrets'));
  const inherits = textIn(args, 'hf_token') ?? (mayInherit(image) ? 'inherit' : 'none');
  const getsHubToken = inherits === 'inherit' || secrets.includes('HF_TOKEN');
  const others = secrets.filter((each) => each !== 'HF_TOKEN');
  const ports = listIn(args, 'expose');
  const volumes = listIn(args, 'volumes').filter(isRecord);
  const dependencies = requirementsIn(args);
  const seconds = parseTimeLimitS(args['timeout']);
  const toCheck: ScriptToCheck = {
    source: code.source,
    ...(code.source === undefined && { command: [code.words] }),
    timeLimitS: seconds,
    isDefaultLimit: args['timeout'] === undefined,
    hasGpu: flavor.hasGpu,
    dependencies,
    image: /spaces\//.test(image) ? undefined : image,
    getsHubToken,
    hasLastingVolume: volumes.some(
      (volume) => volume['type'] === 'bucket' && volume['read_only'] !== true,
    ),
  };
  const advisories = checkScript(toCheck);
  const saves = savesTo(toCheck);
  const [worst] = advisories;
  const exposed = ports.length > 0;
  const isOpenToSsh = !['undefined', 'false'].includes(String(args['ssh']).trim().toLowerCase());
  const price = { unitMicroUsd, source: 'price list of Hugging Face', isFresh: true };
  return {
    tool,
    operation,
    question: 'Run a paid Job on Hugging Face?',
    facts: [
      fact('account', `${namespace} (${isOwn ? 'yours' : 'organisation; it is billed'})`),
      fact('hardware', `${name}: ${flavor.words}, ${renderUsd(unitMicroUsd * 60)}/h`),
      fact(code.label, code.words),
      fact('image', image),
      ...(dependencies.length === 0 ? [] : [fact('packages', dependencies.join(', '))]),
      fact('gets', getsWords(getsHubToken, others, mayInherit(image))),
      ...(saves === undefined ? [] : [fact('result', saves)]),
      ...volumes.map((volume) =>
        fact('mounts', `${String(volume['type'])} ${String(volume['source'])}`),
      ),
      ...(exposed ? [fact('open ports', ports.join(', '))] : []),
      ...(isOpenToSsh ? [fact('open', 'to SSH')] : []),
    ],
    binding: {},
    about: {
      ownership: isOwn ? 'own' : 'organisation',
      hardware: name,
      isExposed: exposed || isOpenToSsh || others.length > 0,
      givesTokenAway: getsHubToken && !mayInherit(image),
      ...(worst !== undefined && { worstAdvisory: worst.severity }),
    },
    cost: estimate(price, { seconds, exposed }),
    namespace,
    advisories,
    ...(code.sha256 !== undefined && { scriptSha256: code.sha256 }),
  };
}

const getsWords = (token: boolean, others: readonly string[], isTrusted: boolean): string => {
  const names = [...(token ? ['HF_TOKEN'] : []), ...others];
  if (names.length === 0) return 'no secrets';
  return `${names.join(', ')}${token && !isTrusted ? ', INTO AN IMAGE OF SOMEBODY ELSE' : ''}`;
};

interface Code {
  readonly label: 'code' | 'command';
  readonly words: string;
  /** The text, where it can be read here. */
  readonly source?: string;
  readonly sha256?: string;
}

async function codeOf(args: Args, { projectDir }: HookWorld): Promise<Code | undefined> {
  const { script, command } = args;
  if ((script === undefined) === (command === undefined)) return undefined;
  if (command !== undefined) {
    const words = typeof command === 'string' ? command : JSON.stringify(command);
    return { label: 'command', words };
  }
  if (typeof script !== 'string') return undefined;
  const kind = scriptSourceOf(script);
  if (kind === 'url') return { label: 'code', words: `fetched from ${script.trim()}` };
  if (kind === 'arguments') return undefined;
  const file = kind === 'path' ? await fileIn(projectDir, script.trim()) : undefined;
  if (kind === 'path' && file === undefined) return undefined;
  const bytes = file?.bytes ?? Buffer.from(script, 'utf8');
  const hash = sha256(bytes);
  const from = file === undefined ? 'code of the call' : `${file.name} of the project`;
  return {
    label: 'code',
    words: `${from}, ${lineCount(bytes)} lines, sha256 ${hash.slice(0, 12)}`,
    source: bytes.toString('utf8'),
    sha256: hash,
  };
}

const MAX_BYTES = 4 * 1024 * 1024;

/** Links are followed before it is decided whether it is inside. */
async function fileIn(
  projectDir: string,
  named: string,
): Promise<{ readonly name: string; readonly bytes: Buffer } | undefined> {
  try {
    const root = await realpath(projectDir);
    const real = await realpath(path.resolve(projectDir, named));
    const name = path.relative(root, real);
    if (name === '' || name.startsWith('..') || path.isAbsolute(name)) return undefined;
    const { size } = await stat(real);
    return size === 0 || size > MAX_BYTES ? undefined : { name, bytes: await readFile(real) };
  } catch {
    return undefined;
  }
}

const textIn = (args: Args, key: string): string | undefined => {
  const value = args[key];
  return typeof value === 'string' ? value.trim() : undefined;
};

function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function listIn(args: Args, key: string): readonly unknown[] {
  const value = parsed(args[key]);
  if (Array.isArray(value)) return value;
  return typeof value === 'string' ? value.split(',') : [];
}

function recordIn(args: Args, key: string): Readonly<Record<string, unknown>> {
  const value = parsed(args[key]);
  return isRecord(value) ? value : {};
}

function requirementsIn(args: Args): readonly string[] {
  const value = parsed(args['dependencies']);
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'string' ? splitRequirements(value) : [];
}
