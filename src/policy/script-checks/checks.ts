/** The checks of scripts that are about to run on a machine that is lost afterwards: one row each, advice and never a block. */
import type { Advisory } from '../contract.ts';
import { importsOf, installedBy, packageOfImport, packagesOfImage } from './python-packages.ts';
import { readScript, type Script, type ScriptToCheck } from './script.ts';

type ScriptAdvisory = Required<Advisory>;
type Finding = Omit<ScriptAdvisory, 'code'>;
type Check = (script: Script) => Finding | undefined;

const MINUTE_S = 60;
const HOUR_S = 3600;

const high = (message: string, fix: string): Finding => ({ severity: 'high', message, fix });
const medium = (message: string, fix: string): Finding => ({ severity: 'medium', message, fix });
const low = (message: string, fix: string): Finding => ({ severity: 'low', message, fix });

const INFERENCE =
  /\.generate\s*\(|\bpipeline\s*\(|\.eval\s*\(|\.predict\s*\(|\bevaluate\b|\binference_mode\b|\bno_grad\b/;

const CHECKS: Readonly<Record<string, Check>> = {
  R1: ({ trains, savesLocally, wayOut }) =>
    trains && !savesLocally && wayOut === undefined
      ? high(
          'it trains and saves nothing',
          'push_to_hub=True with hub_model_id, or upload_folder at the end',
        )
      : undefined,

  R2: ({ trains, savesLocally, wayOut, bare }) =>
    savesLocally && wayOut === undefined && (trains || !INFERENCE.test(bare))
      ? high(
          'it saves to the disk of the machine, which is lost at the end',
          'push_to_hub=True with hub_model_id, upload_folder at the end, or a writable bucket volume',
        )
      : undefined,

  R3: ({ trains, timeLimitS, isDefaultLimit }) => {
    if (!trains) return undefined;
    const fix = 'set timeout to what the training takes, and a third more';
    if (isDefaultLimit) return high('it trains within the default time limit', fix);
    if (timeLimitS <= 30 * MINUTE_S) return high('it trains within 30 minutes or less', fix);
    return timeLimitS < 2 * HOUR_S ? medium('it trains within less than 2 hours', fix) : undefined;
  },

  R4: ({ bare }) =>
    /\bpush_to_hub\s*=\s*True\b/.test(bare) && !/\bhub_model_id\b/.test(bare)
      ? medium('push_to_hub without hub_model_id', 'hub_model_id="OWNER/NAME"')
      : undefined,

  R5: ({ pushes, getsHubToken }) =>
    pushes && !getsHubToken
      ? high('it pushes to the Hub, and no token goes in', 'hf_token="inherit"')
      : undefined,

  R6: ({ code, dependencies, declared, image }) => {
    if (!/attn_implementation\s*=\s*["']flash_attention_2["']/.test(code)) return undefined;
    const has = installedBy([...dependencies, ...declared]).has('flash-attn');
    return has || /flash/i.test(image ?? '')
      ? undefined
      : medium(
          'flash_attention_2 without flash-attn',
          'attn_implementation="kernels-community/flash-attn2" needs no build',
        );
  },

  R7: ({ trains, code }) =>
    trains && !/\breport_to\b|\btrackio\b|\bwandb\b|\btensorboard\b|\bSummaryWriter\b/.test(code)
      ? low('nothing tracks the training', 'report_to="trackio"')
      : undefined,

  R8: ({ trains, bare }) =>
    trains && !(/\bdisable_tqdm\b/.test(bare) && /\blogging_strategy\b/.test(bare))
      ? low(
          'its progress bars make logs unreadable',
          'disable_tqdm=True, logging_strategy="steps", logging_first_step=True',
        )
      : undefined,

  R9: ({ code, isProjectFile }) => {
    const paths = [
      ...code.matchAll(
        /\b(?:load_dataset|from_pretrained|open|read_csv|read_json|read_parquet|load_from_disk)\s*\(\s*(?:data_files\s*=\s*)?[rRfF]?["']([^"'\n]{1,400})["']/g,
      ),
    ].map(([, path = '']) => path);
    const local = paths.find((path) =>
      /^(?:~|\/home\/|\/Users\/|\/root\/|[A-Za-z]:[\\/])/.test(path),
    );
    const fix = 'put it on the Hub, or upload it with the job';
    if (local !== undefined) return high(`it reads ${local}, which is on this machine only`, fix);
    const project = paths.find((path) => isProjectFile?.(path) === true);
    return project === undefined
      ? undefined
      : medium(`it reads ${project}, which does not go along`, fix);
  },

  R10: ({ bare, dependencies, declared, image }) => {
    const inImage = image === undefined ? undefined : packagesOfImage(image);
    if (inImage === undefined) return undefined;
    const there = new Set([...installedBy([...dependencies, ...declared]), ...inImage]);
    const missing = importsOf(bare).filter((name) => !there.has(packageOfImport(name)));
    return missing.length === 0
      ? undefined
      : medium(
          `nothing installs ${missing.join(', ')}`,
          `dependencies=${JSON.stringify(missing.map(packageOfImport))}`,
        );
  },

  R11: ({ trains, timeLimitS, bare, code }) => {
    if (!trains || timeLimitS <= 2 * HOUR_S) return undefined;
    const pushesOnTheWay =
      /\bpush_to_hub\s*=\s*(?!False\b)/.test(bare) &&
      !/\bhub_strategy\s*=\s*["']end["']|\bsave_strategy\s*=\s*["'](?:no|best)["']/.test(code);
    const pushesByHand = /^[ \t]+.*\b(?:upload_folder|upload_file|push_to_hub)\s*\(/m.test(bare);
    return pushesOnTheWay || pushesByHand
      ? undefined
      : medium(
          'more than 2 hours, and no checkpoint leaves the machine before the end',
          'push_to_hub=True with hub_strategy="checkpoint" and save_steps',
        );
  },

  R12: ({ hasGpu, bare, code, trains }) => {
    const usesGpu =
      /\.cuda\s*\(|\.to\s*\(\s*["']cuda|device_map\s*=\s*["']cuda|device\s*=\s*["']cuda/.test(code);
    if (hasGpu === false && (usesGpu || (trains && /\bbf16\s*=\s*True\b/.test(bare))))
      return medium('it wants a GPU, and the hardware has none', 'choose a GPU flavor');
    const mayUseGpu =
      usesGpu ||
      /\bcuda\b|\bdevice_map\b|Trainer\b|\baccelerat|\bvllm\b|\bpipeline\s*\(|\bjax\b|\btensorflow\b|\bcupy\b|\bcudf\b|\bunsloth\b|\bLLM\s*\(|\blightning\b|\bsubprocess\b|\bsentence_transformers\b/i.test(
        code,
      );
    return hasGpu === true && !mayUseGpu
      ? medium('the hardware has a GPU, and nothing in it uses one', 'choose a CPU flavor')
      : undefined;
  },
};

/** Of a command without a script only the time limit can be judged. */
const FOR_COMMANDS = new Set(['R3']);

/**
 * What is worth saying before it runs, the most serious first. Reads text only and runs nothing; linear in its length.
 * Inference and evaluation raise neither R1, R2 nor R3.
 */
export function checkScript(request: ScriptToCheck): readonly ScriptAdvisory[] {
  const script = readScript(request);
  const found = Object.entries(CHECKS).flatMap(([code, check]) => {
    if (request.source === undefined && !FOR_COMMANDS.has(code)) return [];
    const finding = check(script);
    return finding === undefined ? [] : [{ code, ...finding }];
  });
  const rank = { high: 0, medium: 1, low: 2 };
  return found.toSorted((a, b) => rank[a.severity] - rank[b.severity]);
}

/** `saves to me/model`: the calm line where a way out was found. */
export function savesTo(request: ScriptToCheck): string | undefined {
  if (request.source === undefined) return undefined;
  const { wayOut } = readScript(request);
  return wayOut === undefined ? undefined : `saves to ${wayOut}`;
}
