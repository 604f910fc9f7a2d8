/** What the checks of scripts say about a Job: for the question before it, and for the answer after it. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Hardware } from '#hub/jobs/hardware.ts';
import type { JobRequest } from '#hub/jobs/job.ts';
import type { Advisory } from '#policy/contract.ts';
import { checkScript, savesTo } from '#policy/script-checks/checks.ts';
import type { ScriptToCheck } from '#policy/script-checks/script.ts';
import type { ToolContext } from '../../define-tool.ts';
import type { JobsInput } from '../hf-jobs.ts';
import type { Script } from './script.ts';

export interface Checked {
  readonly advisories: readonly Advisory[];
  /** `saves to me/model`, where a way out was found. */
  readonly savesTo: string | undefined;
}

interface JobToCheck {
  readonly input: JobsInput;
  readonly script: Script | undefined;
  readonly request: JobRequest;
  readonly hardware: Hardware;
}

/** Reads text only. Code behind an address is not fetched, and judged as a command is. */
export async function checkJob(job: JobToCheck, { projectDir }: ToolContext): Promise<Checked> {
  const { input, script, request, hardware } = job;
  const { volumes = [], secrets = {} } = request;
  const flavor = hardware.flavors.find(({ name }) => name === request.flavor);
  // The bundled list says nothing about accelerators.
  const isKnown = flavor !== undefined && hardware.source !== 'bundled';
  const named: string[] = [];
  const toCheck: ScriptToCheck = {
    source: script?.kind === 'code' ? script.bytes.toString('utf8') : undefined,
    ...(script?.kind !== 'code' && { command: request.command }),
    timeLimitS: request.timeoutSeconds,
    isDefaultLimit: input.timeout === undefined,
    hasGpu: isKnown ? flavor.accelerator !== undefined : undefined,
    dependencies: input.dependencies ?? [],
    image: request.dockerImage,
    getsHubToken: 'HF_TOKEN' in secrets,
    hasLastingVolume: volumes.some(({ type, readOnly }) => type === 'bucket' && readOnly !== true),
    isProjectFile(file) {
      named.push(file);
      return false;
    },
  };
  // Once to learn which files it names, and again when it is known which of them are here.
  checkScript(toCheck);
  const here = await filesHere(named, projectDir);
  return {
    advisories: checkScript({ ...toCheck, isProjectFile: (file) => here.has(file) }),
    savesTo: savesTo(toCheck),
  };
}

async function filesHere(
  named: readonly string[],
  projectDir: string,
): Promise<ReadonlySet<string>> {
  const relative = named.filter((file) => !path.isAbsolute(file)).slice(0, 50);
  const found = await Promise.all(
    relative.map((file) =>
      stat(path.resolve(projectDir, file)).then(
        () => file,
        () => undefined,
      ),
    ),
  );
  return new Set(found.filter((file) => file !== undefined));
}

/** For the answer: `Warning [high] it trains and saves nothing: ...`. */
export const remarkLines = ({
  advisories,
}: {
  readonly advisories: readonly Advisory[];
}): readonly string[] =>
  advisories.map(
    ({ code, severity, message, fix }) =>
      `Warning ${code} [${severity}] ${message}${fix === undefined ? '' : `; fix: ${fix}`}`,
  );
