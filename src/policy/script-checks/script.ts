/** What a check of a script may look at, and what all of them need to know of it. */
import { readPython, type PythonCode } from './python-code.ts';

/** What is about to run, on which hardware, for how long, with what. */
export interface ScriptToCheck {
  /** Python text; undefined when a command runs, which gets the check of the time limit only. */
  readonly source: string | undefined;
  /** The arguments of a command. Arguments of a script are no code and are not looked at. */
  readonly command?: readonly string[];
  readonly timeLimitS: number;
  /** The limit was not asked for. */
  readonly isDefaultLimit: boolean;
  /** Whether the hardware has an accelerator; undefined when nobody knows. */
  readonly hasGpu: boolean | undefined;
  readonly dependencies: readonly string[];
  /** Undefined where there is none, as in a notebook: nothing is said about packages then. */
  readonly image: string | undefined;
  /** A Hub token goes in. */
  readonly getsHubToken: boolean;
  /** Something that outlives the machine is mounted for writing. */
  readonly hasLastingVolume: boolean;
  /** Whether a relative path is a file of the project, which does not go along. */
  readonly isProjectFile?: (path: string) => boolean;
}

export interface Script extends ScriptToCheck, PythonCode {
  readonly trains: boolean;
  /** Where what it makes goes, in words; undefined when it stays on a disk that is lost. */
  readonly wayOut: string | undefined;
  readonly savesLocally: boolean;
  readonly pushes: boolean;
}

const TRAINS =
  /\b[A-Z]\w*Trainer\s*\(|\bTrainer\s*\(|\boptimizer\.step\s*\(|\baccelerator\.backward\s*\(/;
const COMMAND_TRAINS =
  /(?:^|[\s/])(?:train\w*(?:\.py)?|finetune\w*|fine-tune\w*|sft|dpo|grpo|kto|torchrun|deepspeed|axolotl|llamafactory-cli|accelerate\s+launch)(?=\s|$)/i;
const SAVES = /\.(?:save_pretrained|save_model|save_to_disk)\s*\(|\btorch\.save\s*\(/;
const PUSHES =
  /\.push_to_hub\s*\(|\bpush_to_hub\s*=\s*(?!False\b)|\b(?:upload_folder|upload_file|upload_large_folder|create_commit)\s*\(/;
const UPLOAD_COMMAND = /\b(?:hf|huggingface-cli)(?:["',\s]+)upload\b/;

export function readScript(request: ScriptToCheck): Script {
  const python = readPython(request.source ?? '');
  const { code, bare } = python;
  const pushes = PUSHES.test(bare) || UPLOAD_COMMAND.test(code);
  return {
    ...request,
    ...python,
    trains:
      request.source === undefined
        ? COMMAND_TRAINS.test((request.command ?? []).join(' '))
        : TRAINS.test(bare),
    savesLocally: SAVES.test(bare),
    pushes,
    wayOut: pushes ? targetIn(code) : request.hasLastingVolume ? 'a mounted bucket' : undefined,
  };
}

function targetIn(code: string): string {
  const named =
    /\bhub_model_id\s*=\s*f?["']([^"'\n{}]{1,200})["']/.exec(code)?.[1] ??
    /\brepo_id\s*=\s*f?["']([^"'\n{}]{1,200})["']/.exec(code)?.[1] ??
    /\.push_to_hub\s*\(\s*["']([^"'\n{}]{1,200})["']/.exec(code)?.[1];
  return named ?? 'the Hub';
}
