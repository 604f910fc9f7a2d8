/** The one table of options. A new option is one row; loading, `doctor`, the reference and the error texts follow it. */
import path from 'node:path';
import {
  choice,
  folder,
  list,
  onOff,
  program,
  realFolder,
  secret,
  serviceUrl,
  wholeNumber,
  words,
} from './kinds.ts';
import { JOBS_OPTIONS } from './jobs-options.ts';
import { LOCAL_OPTIONS } from './local-options.ts';
import { MODAL_OPTIONS } from './modal-options.ts';
import { option, type Option } from './option.ts';
import { POLICY_OPTIONS } from './policy-options.ts';
import { truthOfWord } from './truth-word.ts';
import { SLURM_OPTIONS } from './slurm-options.ts';
import { WORKSPACE_OPTIONS } from './workspace-options.ts';
import { TRANSCRIPT_OPTIONS } from './transcript-options.ts';

const variableName = words(
  'the name of a variable, with * for any ending',
  /^[A-Za-z_][A-Za-z0-9_]*\*?$/,
);
const sshDestination = words(
  'an SSH destination as for ssh: an alias of ~/.ssh/config, HOST or USER@HOST',
  /^[^-\s][^\s]*$/,
);
const requirement = words(
  'a Python requirement such as numpy or pandas>=2',
  /^[A-Za-z0-9][^\s,;]*$/,
);

/** By key: `output.max_chars` is `max_chars` below `[output]` in a `glovebox.toml`. */
const OPTIONS = {
  dir: option({
    kind: folder(),
    default: ({ home }) => path.join(home, '.glovebox'),
    defaultText: '~/.glovebox',
    env: 'GLOVEBOX_DIR',
    oldNames: [{ env: 'JLAB_MCP_DIR' }],
    from: 'outside',
    about:
      'Folder of all state: records, logs, environments, the glovebox.toml of the user. Only its owner may enter it.',
  }),
  project_dir: option({
    kind: realFolder(),
    default: ({ projectDir }) => projectDir,
    defaultText: 'detected',
    env: 'GLOVEBOX_PROJECT_DIR',
    flag: '--project',
    oldNames: [{ env: 'JLAB_MCP_PROJECT_DIR' }],
    from: 'outside',
    about:
      'The project, instead of the nearest folder above with .glovebox, .git, pyproject.toml or glovebox.toml.',
  }),
  backend: option({
    kind: choice(['local', 'slurm', 'modal', 'huggingface']),
    default: undefined,
    defaultText: 'asked for',
    env: 'GLOVEBOX_BACKEND',
    oldNames: [
      { env: 'JLAB_MCP_RUN_MODE', kind: choice(['local', 'slurm']) },
      {
        env: 'ML_INTERN_LOCAL_MODE',
        means: (text) => (truthOfWord(text) === true ? 'local' : undefined),
      },
    ],
    pluginOption: 'backend',
    flag: '--backend',
    about: 'Where sandboxes run when a call does not say it.',
  }),
  offline: option({
    kind: onOff(),
    default: false,
    env: 'GLOVEBOX_OFFLINE',
    about: 'Never install anything: the managed Python environment must be there already.',
  }),
  'notebook.dir': option({
    kind: folder(),
    default: ({ projectDir }) => path.join(projectDir, 'notebooks'),
    defaultText: 'notebooks below the project',
    env: 'GLOVEBOX_NOTEBOOK_DIR',
    oldNames: [{ env: 'JLAB_MCP_NOTEBOOK_DIR' }],
    about: 'Folder of notebooks: new ones are made in it. It is made with the first one.',
  }),
  ...WORKSPACE_OPTIONS,
  'server.root_dir': option({
    kind: folder(),
    default: ({ projectDir }) => projectDir,
    defaultText: 'the project',
    env: 'GLOVEBOX_SERVER_ROOT_DIR',
    oldNames: [{ env: 'JLAB_MCP_SERVER_ROOT_DIR' }],
    about: 'Root folder of the Jupyter server, which its file browser shows.',
  }),
  'log.dir': option({
    kind: folder(),
    default: ({ dir }) => path.join(dir, 'logs'),
    defaultText: 'logs below GLOVEBOX_DIR',
    env: 'GLOVEBOX_LOG_DIR',
    oldNames: [{ env: 'JLAB_MCP_LOG_DIR' }],
    from: 'user',
    about: 'Folder of log files.',
  }),
  'log.debug': option({
    kind: onOff(),
    default: false,
    env: 'GLOVEBOX_DEBUG',
    flag: '--debug',
    about: 'Log every step.',
  }),
  'python.interpreter': option({
    kind: program(),
    default: undefined,
    defaultText: 'the .venv of the project, else the active environment, else a managed one',
    env: 'GLOVEBOX_PYTHON',
    oldNames: [{ env: 'JLAB_MCP_PYTHON' }],
    about: 'Python interpreter of kernels.',
  }),
  'models.dir': option({
    kind: folder(),
    default: undefined,
    defaultText: 'models in dir',
    env: 'GLOVEBOX_MODELS_DIR',
    from: 'outside',
    about: 'Folder on this machine for weights of models, which all local sandboxes share.',
  }),
  'python.packages': option({
    kind: list(requirement),
    default: ['numpy', 'pandas', 'matplotlib'],
    env: 'GLOVEBOX_PACKAGES',
    about: 'Packages in the managed environment, beside what kernels need themselves.',
  }),
  'start.queue_s': option({
    kind: wholeNumber(0, 604_800),
    default: 300,
    env: 'GLOVEBOX_QUEUE_TIMEOUT',
    oldNames: [{ env: 'JLAB_MCP_QUEUE_TIMEOUT' }],
    about:
      'Seconds glovebox start waits while a sandbox is queued; the place in the queue is kept.',
  }),
  'kernel.ready_s': option({
    kind: wholeNumber(1, 3600),
    default: 60,
    env: 'GLOVEBOX_KERNEL_READY_S',
    about: 'Seconds a new kernel may take until it answers.',
  }),
  'kernel.env': option({
    kind: list(variableName),
    default: [],
    env: 'GLOVEBOX_KERNEL_ENV',
    from: 'user',
    about:
      'Names of variables that kernels get besides the harmless ones; secrets pass only when they are named here.',
  }),
  'kernel.stdin': option({
    kind: choice(['refuse', 'ask']),
    default: 'refuse',
    env: 'GLOVEBOX_STDIN',
    about: 'What input() in a cell does: fail at once, or ask.',
  }),
  'run.wait_s': option({
    kind: wholeNumber(0, 600),
    default: 45,
    env: 'GLOVEBOX_WAIT_S',
    about:
      'Seconds a call waits for a run before it answers with a handle; the run goes on. Many clients stop waiting after 60.',
  }),
  'run.on_cancel': option({
    kind: choice(['interrupt', 'detach']),
    default: 'interrupt',
    env: 'GLOVEBOX_ON_CANCEL',
    about: 'What cancelling a call does to its run: interrupt it, or only stop waiting.',
  }),
  'run.on_expire': option({
    kind: words('code', /\S/),
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_ON_EXPIRE',
    from: 'user',
    about: 'Code that idle kernels run 5 minutes before the time limit of their sandbox.',
  }),
  'output.max_chars': option({
    kind: wholeNumber(1000, 45_000),
    default: 10_000,
    env: 'GLOVEBOX_OUTPUT_CHARS',
    about: 'Characters of text in one answer; the rest can be read with get_run.',
  }),
  'output.cell_mb': option({
    kind: wholeNumber(1, 1000),
    default: 10,
    env: 'GLOVEBOX_CELL_OUTPUT_MB',
    about:
      'Megabytes of printed text that one cell keeps in the notebook, and five times as many of displays; the rest goes into files beside it.',
  }),
  'output.image_max_px': option({
    kind: wholeNumber(16, 2000),
    default: 1568,
    env: 'GLOVEBOX_IMAGE_MAX_PX',
    about: 'Pixels of the longer edge of an image in an answer; the notebook keeps the original.',
  }),
  ...LOCAL_OPTIONS,
  'ssh.host': option({
    kind: sshDestination,
    default: undefined,
    defaultText: 'none: the commands of a cluster run on this machine',
    env: 'GLOVEBOX_SSH_HOST',
    pluginOption: 'ssh_host',
    about:
      'Login node of a cluster, as ssh knows it: the commands of the cluster run there, over the SSH of this machine.',
  }),
  ...MODAL_OPTIONS,
  'network.proxy': option({
    kind: secret('the URL of a proxy'),
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_PROXY',
    from: 'user',
    about:
      'Proxy for remote services, never for Jupyter servers. Other proxy variables are ignored. May hold credentials.',
  }),
  ...SLURM_OPTIONS,
  'network.mirrors': option({
    kind: list(serviceUrl()),
    default: [],
    env: 'GLOVEBOX_MIRRORS',
    from: 'user',
    about:
      'Origins in a private network that the services below may redirect to, such as the storage of a mirror. No token is ever sent to them.',
  }),
  'hub.endpoint': option({
    kind: serviceUrl(),
    default: 'https://huggingface.co',
    env: 'HF_ENDPOINT',
    from: 'user',
    about: 'The Hugging Face Hub, or a mirror of it; the Hub token goes there and nowhere else.',
  }),
  'hub.token': option({
    kind: secret('a token of the Hugging Face Hub'),
    default: undefined,
    defaultText: 'the file in hub.token_file',
    env: 'GLOVEBOX_HF_TOKEN',
    pluginOption: 'hf_token',
    oldNames: [
      { env: 'HF_TOKEN', isStandard: true },
      { env: 'HUGGING_FACE_HUB_TOKEN', isStandard: true },
    ],
    from: 'user',
    about: 'Token of the Hugging Face Hub, for what is private or gated and for writing.',
  }),
  'hub.home': option({
    kind: folder(),
    default: ({ home }) => path.join(home, '.cache', 'huggingface'),
    defaultText: '~/.cache/huggingface',
    env: 'HF_HOME',
    from: 'user',
    about: "Folder of Hugging Face's own programs, where they keep a token after a login.",
  }),
  'hub.token_file': option({
    kind: folder(),
    default: undefined,
    defaultText: 'token below hub.home',
    env: 'HF_TOKEN_PATH',
    from: 'user',
    about: 'File with the Hub token, read when hub.token is not set.',
  }),
  ...JOBS_OPTIONS,
  'hub.datasets_server': option({
    kind: serviceUrl(),
    default: undefined,
    defaultText: 'https://datasets-server.huggingface.co',
    env: 'GLOVEBOX_DATASETS_SERVER',
    from: 'user',
    about: 'The dataset viewer. With another Hub it gets the Hub token only when it is set here.',
  }),
  'papers.semantic_scholar': option({
    kind: serviceUrl(),
    default: 'https://api.semanticscholar.org',
    env: 'GLOVEBOX_SEMANTIC_SCHOLAR',
    from: 'user',
    about: 'Semantic Scholar, for citations, snippets and filtered search.',
  }),
  'papers.semantic_scholar_key': option({
    kind: secret('a key of Semantic Scholar'),
    default: undefined,
    defaultText: 'none',
    env: 'S2_API_KEY',
    pluginOption: 'semantic_scholar_key',
    oldNames: [{ env: 'SEMANTIC_SCHOLAR_API_KEY', isStandard: true }],
    from: 'user',
    about: 'Key of Semantic Scholar; without it all anonymous users share one small quota.',
  }),
  'papers.arxiv': option({
    kind: serviceUrl(),
    default: 'https://arxiv.org',
    env: 'GLOVEBOX_ARXIV',
    from: 'user',
    about: 'The site of arXiv, for the text of papers.',
  }),
  'papers.ar5iv': option({
    kind: serviceUrl(),
    default: 'https://ar5iv.labs.arxiv.org',
    env: 'GLOVEBOX_AR5IV',
    from: 'user',
    about: 'The site of ar5iv, for the text of papers that arXiv has no page of.',
  }),
  'docs.gradio': option({
    kind: serviceUrl(),
    default: 'https://www.gradio.app',
    env: 'GLOVEBOX_GRADIO',
    from: 'user',
    about: 'The documentation of Gradio.',
  }),
  'github.endpoint': option({
    kind: serviceUrl(),
    default: 'https://api.github.com',
    env: 'GLOVEBOX_GITHUB_API',
    from: 'user',
    about: 'The API of GitHub; the GitHub token goes there and nowhere else.',
  }),
  'github.raw': option({
    kind: serviceUrl(),
    default: 'https://raw.githubusercontent.com',
    env: 'GLOVEBOX_GITHUB_RAW',
    from: 'user',
    about: 'Files of public GitHub repositories, without a token and without the quota of the API.',
  }),
  'github.token': option({
    kind: secret('a token of GitHub'),
    default: undefined,
    defaultText: 'none',
    env: 'GLOVEBOX_GITHUB_TOKEN',
    pluginOption: 'github_token',
    oldNames: [
      { env: 'GITHUB_TOKEN', isStandard: true },
      { env: 'GH_TOKEN', isStandard: true },
    ],
    from: 'user',
    about: 'Token of GitHub: 5,000 requests an hour instead of 60, and private repositories.',
  }),
  ...TRANSCRIPT_OPTIONS,
  ...POLICY_OPTIONS,
  'tools.toolsets': option({
    kind: list(choice(['notebook', 'sandbox', 'hub', 'github'])),
    default: ['notebook', 'sandbox', 'hub', 'github'],
    env: 'GLOVEBOX_TOOLSETS',
    about: 'The groups of tools that are switched on.',
  }),
};

type Table = typeof OPTIONS;
export type OptionKey = keyof Table;
export type OptionValues = { readonly [K in OptionKey]: ReturnType<Table[K]['default']> };
export type OptionValue<K extends OptionKey> = OptionValues[K];

/** The same table in a form in which key and value type stay together. */
export const OPTION_TABLE: { readonly [K in OptionKey]: Option<OptionValues[K]> } = OPTIONS;

export const OPTION_KEYS: readonly OptionKey[] = Object.keys(OPTIONS).filter(isOptionKey);

export function isOptionKey(key: string): key is OptionKey {
  return Object.hasOwn(OPTIONS, key);
}
