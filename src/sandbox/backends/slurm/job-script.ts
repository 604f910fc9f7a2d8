/** Puts together the one script that every job runs: constant text, which carries the files that a node needs. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { jupyterConfig, LAB_PAGE_CONFIG } from '#sandbox/jupyter-config.ts';
import { readKernelFiles } from '#sandbox/kernel-files.ts';

export interface JobScript {
  readonly text: string;
  /** Changes with the text. */
  readonly fileName: string;
}

const FILES_MARK = '# GLOVEBOX FILES\n';
const END_MARK = 'END_OF_GLOVEBOX_FILE';
/** They travel in the script, so that a node needs to see no file of the submitting side. */
const TRAVELLING = [
  'serve.py',
  'offline_buffer.py',
  'handlers.py',
  'launch_kernel.py',
  'slurm_node.py',
];

export async function loadJobScript(pythonDir: string): Promise<JobScript> {
  const read = (name: string): Promise<string> => readFile(path.join(pythonDir, name), 'utf8');
  const script = await read('slurm_job.sh');
  const files = await Promise.all(
    TRAVELLING.map(async (name) => [name, await read(name)] as const),
  );
  return renderJobScript(script, [
    ...files,
    ['template.json', JSON.stringify(CONFIG_TEMPLATE)],
    ['page_config.json', JSON.stringify(LAB_PAGE_CONFIG)],
    ['kernel_files', await packKernelFiles(pythonDir)],
  ]);
}

/** What only the node knows is filled in there, by `slurm_node.py`; the token is made there too. */
const CONFIG_TEMPLATE = jupyterConfig({
  listen: {},
  token: '',
  rootDir: '',
  // The time limit of the job ends it. A limit for idleness comes as an argument of the script.
  idleMs: 0,
  transport: 'ipc',
  allowRoot: false,
  labDir: '~/.glovebox/jupyterlab/user-settings',
  workspacesDir: '',
});

/** In lines of a length that a shell likes. */
async function packKernelFiles(pythonDir: string): Promise<string> {
  const files = JSON.stringify(await readKernelFiles(pythonDir));
  const packed = deflateSync(files, { level: 9 }).toString('base64');
  return packed.replaceAll(/.{100}/g, (line) => `${line}\n`);
}

export function renderJobScript(
  script: string,
  files: readonly (readonly [name: string, text: string])[],
): JobScript {
  const blocks = files.map(([name, text]) => {
    const body = text.endsWith('\n') ? text : `${text}\n`;
    return `cat >"$private/${name}" <<'${END_MARK}'\n${body}${END_MARK}\n`;
  });
  const text = script.replace(FILES_MARK, () => blocks.join(''));
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return { text, fileName: `job-${hash}.sh` };
}
