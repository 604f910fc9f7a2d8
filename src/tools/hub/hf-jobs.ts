/** hf_jobs: runs scripts and images on rented hardware of the Hugging Face Hub, watches and schedules them. */
import * as z from 'zod';
import { defineTool } from '../define-tool.ts';
import { maxChars } from '../paged-answer.ts';
import { wideBoolean, wideChoice, wideInt, wideText } from '../wide-input.ts';
import {
  jobOperation,
  wideIntList,
  wideRequirements,
  wideSource,
  wideTextMap,
  wideTimeLimit,
  wideVolumes,
  wideWords,
} from './jobs/job-input.ts';

const input = z.strictObject({
  operation: jobOperation,
  script: wideSource(
    'run: Python code, URL, project path (./train.py), or sandbox:ID:PATH, run by uv. Excludes command.',
  ),
  script_args: wideWords('Arguments of script.'),
  dependencies: wideRequirements('Packages of script, e.g. ["trl","torch>=2.4,<3"].'),
  python: wideText('Python version of script.'),
  command: wideWords('run: program and arguments in image; no shell.'),
  image: wideText('Docker image, or URL of a Space.'),
  hardware_flavor: wideText('As hardware lists them. Default: cpu-basic.'),
  timeout: wideTimeLimit('When the Hub ends it: 90s, 2h, 1h30m. Default: 30m.'),
  env: wideTextMap('Variables; anybody who sees the Job reads them.'),
  secrets: wideTextMap(
    'Secret variables, by name of one here: {"WANDB_API_KEY":"$WANDB_API_KEY"}.',
  ),
  hf_token: wideChoice(
    ['inherit', 'none'],
    'HF_TOKEN. Default: inherit for the default images and huggingface/*.',
  ),
  namespace: wideText('Your account or organisation. Default: yours.'),
  name: wideText('A name to find it by.'),
  labels: wideTextMap('Own labels; ps: all of these.'),
  volumes: wideVolumes('Repositories and buckets to mount.'),
  expose: wideIntList('run: ports to open to who holds a Hub token.'),
  ssh: wideBoolean('run: open SSH. Default: false.'),
  trackio_space_id: wideText('run: Space to log to; made, private.'),
  trackio_project: wideText('Its project.'),
  wait_seconds: wideInt('run, logs, wait: follow for so long. Default: 0; wait: 60.', {
    min: 0,
    max: 120,
  }),
  job_id: wideWords('Id, owner/id or URL; inspect: several.'),
  scheduled_job_id: wideText('Id or owner/id.'),
  schedule: wideText('scheduled run: five fields of cron, or @daily ...'),
  suspend: wideBoolean('scheduled run: begin suspended.'),
  concurrency: wideBoolean('scheduled run: runs may overlap.'),
  all: wideBoolean('ps: ended ones too.'),
  status: wideText('ps: one stage, such as ERROR.'),
  limit: wideInt('ps. Default: 20.', { min: 1, max: 100 }),
  cursor: wideText('ps, logs, wait: goes on, as the answer before says.'),
  tail: wideInt('logs: last lines. Default: 100.', { min: 1, max: 5000 }),
  since: wideText('logs: from this ISO 8601 time.'),
  grep: wideText('logs: text or /regex/.'),
  max_chars: maxChars,
});

export type JobsInput = z.output<typeof input>;

export const hfJobs = defineTool({
  name: 'hf_jobs',
  toolset: 'hub',
  title: 'Jobs on the Hugging Face Hub',
  description:
    'Runs scripts on rented hardware of the Hugging Face Hub. run starts one, logs and wait follow it, ps, inspect, cancel; hardware: flavors, prices, what fits which model (no token needed); scheduled run/ps/inspect/delete/suspend/resume. The user is asked about cost and ends. ' +
    'Before training: find a working reference; inspect the dataset; smoke-test in a sandbox, or say why not. Storage is lost at the end: push_to_hub with hub_model_id. Set timeout (2h or more for training). Track with trackio and give its URL. One Job before a batch. ' +
    'Out of memory, in this order: smaller per-device batch with the same effective one; gradient checkpointing; a larger GPU. Never change method, max_length or dataset silently.',
  input,
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(arguments_, context) {
    const { runJobs } = await import('./jobs/run.ts');
    return runJobs(arguments_, context);
  },
});
