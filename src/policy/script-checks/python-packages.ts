/** Which package an import comes from, as far as the usual ones go: what pip calls differently, and what brings what along. */

const STANDARD = new Set(
  (
    '__future__ abc argparse array ast asyncio atexit base64 bisect builtins bz2 calendar collections concurrent configparser contextlib ' +
    'contextvars copy copyreg csv ctypes dataclasses datetime decimal difflib dis email enum errno faulthandler filecmp fileinput ' +
    'fnmatch fractions ftplib functools gc getopt getpass gettext glob graphlib gzip hashlib heapq hmac html http imaplib importlib ' +
    'inspect io ipaddress itertools json keyword linecache locale logging lzma mailbox marshal math mimetypes mmap multiprocessing ' +
    'netrc numbers operator os pathlib pdb pickle pickletools pkgutil platform plistlib pprint profile pstats pty queue quopri random ' +
    're readline reprlib resource runpy sched secrets select selectors shelve shlex shutil signal site smtplib socket socketserver ' +
    'sqlite3 ssl stat statistics string stringprep struct subprocess symtable sys sysconfig syslog tarfile tempfile termios textwrap ' +
    'threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty types typing unicodedata unittest urllib uuid ' +
    'venv warnings wave weakref webbrowser xml xmlrpc zipapp zipfile zipimport zlib zoneinfo distutils cgi imp'
  ).split(' '),
);

const PACKAGE_OF: Readonly<Record<string, string>> = {
  sklearn: 'scikit-learn',
  skimage: 'scikit-image',
  PIL: 'pillow',
  cv2: 'opencv-python',
  yaml: 'pyyaml',
  bs4: 'beautifulsoup4',
  dateutil: 'python-dateutil',
  dotenv: 'python-dotenv',
  google: 'google',
  flash_attn: 'flash-attn',
  umap: 'umap-learn',
  fitz: 'pymupdf',
  attr: 'attrs',
  Levenshtein: 'levenshtein',
  OpenSSL: 'pyopenssl',
  Crypto: 'pycryptodome',
  serial: 'pyserial',
  git: 'gitpython',
};

const HUB = [
  'huggingface-hub',
  'requests',
  'tqdm',
  'pyyaml',
  'filelock',
  'fsspec',
  'packaging',
  'httpx',
];
const TRANSFORMERS = [...HUB, 'transformers', 'numpy', 'tokenizers', 'safetensors', 'regex'];
const TORCH = ['torch', 'numpy', 'networkx', 'sympy', 'jinja2', 'triton'];
const DATASETS = [
  ...HUB,
  'datasets',
  'pandas',
  'pyarrow',
  'numpy',
  'multiprocess',
  'dill',
  'aiohttp',
  'xxhash',
];
const ACCELERATE = [...HUB, ...TORCH, 'accelerate', 'psutil', 'safetensors'];

/** Packages that come along; only those that scripts import without naming them. */
const BRINGS: Readonly<Record<string, readonly string[]>> = {
  'huggingface-hub': HUB,
  transformers: TRANSFORMERS,
  torch: TORCH,
  torchvision: [...TORCH, 'pillow'],
  torchaudio: TORCH,
  datasets: DATASETS,
  accelerate: ACCELERATE,
  peft: [...TRANSFORMERS, ...ACCELERATE],
  trl: [...TRANSFORMERS, ...ACCELERATE, ...DATASETS],
  diffusers: [...HUB, 'numpy', 'pillow', 'safetensors', 'regex'],
  'sentence-transformers': [...TRANSFORMERS, ...TORCH, 'scikit-learn', 'scipy', 'pillow'],
  evaluate: DATASETS,
  vllm: [...TRANSFORMERS, ...TORCH, 'pillow', 'fastapi', 'openai', 'ray'],
  unsloth: [...TRANSFORMERS, ...ACCELERATE, ...DATASETS, 'trl', 'peft', 'bitsandbytes'],
  bitsandbytes: TORCH,
  timm: [...TORCH, ...HUB, 'torchvision', 'safetensors'],
  lightning: [...TORCH, 'torchmetrics', 'pyyaml', 'tqdm'],
  pandas: ['numpy', 'python-dateutil', 'pytz'],
  'scikit-learn': ['numpy', 'scipy', 'joblib'],
  matplotlib: ['numpy', 'pillow', 'python-dateutil'],
  wandb: ['requests', 'pyyaml', 'click', 'psutil'],
  trackio: [...HUB, 'pandas', 'gradio', 'numpy'],
  gradio: [...HUB, 'pandas', 'numpy', 'pillow', 'fastapi', 'pydantic'],
  lighteval: [...TRANSFORMERS, ...ACCELERATE, ...DATASETS],
  'lm-eval': [...TRANSFORMERS, ...ACCELERATE, ...DATASETS, 'evaluate', 'scikit-learn'],
};

/** A list that was written as one text with commas, of which those inside a requirement (`torch>=2,<3`) separate nothing. */
export const splitRequirements = (text: string): readonly string[] =>
  text
    .split(/,(?!\s*[<>=!~])(?![^[]*\])/)
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** `Torch_Vision[extra]>=1` -> `torch-vision`. An address gives the name after `#egg=` or before `@`, else nothing. */
export function packageName(requirement: string): string | undefined {
  const text = requirement.trim();
  const named = /^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:$|[[<>=!~;@ ])/.exec(text)?.[1];
  const egg = /#egg=([A-Za-z0-9._-]+)/.exec(text)?.[1];
  const repository = /\/([A-Za-z0-9._-]+?)(?:\.git)?(?:@[^/]*)?(?:#.*)?$/.exec(text)?.[1];
  return (named ?? egg ?? repository)?.toLowerCase().replaceAll(/[._]+/g, '-');
}

/** Everything that is there when these requirements are installed. */
export function installedBy(requirements: readonly string[]): ReadonlySet<string> {
  const named = requirements.flatMap((each) => packageName(each) ?? []);
  return new Set(named.flatMap((name) => [name, ...(BRINGS[name] ?? [])]));
}

/** Imports at the left margin: those in a `try` or a function may be meant to fail. */
export function importsOf(bare: string): readonly string[] {
  const found = [
    ...bare.matchAll(/^(?:from[ \t]+([A-Za-z_]\w*)[\w.]*[ \t]+import\b|import[ \t]+([^\n;]+))/gm),
  ];
  const names = found.flatMap(([, from, list]) =>
    from === undefined
      ? (list ?? '').split(',').flatMap((part) => /^\s*([A-Za-z_]\w*)/.exec(part)?.[1] ?? [])
      : [from],
  );
  return [...new Set(names)].filter((name) => !STANDARD.has(name) && !name.startsWith('_'));
}

export const packageOfImport = (name: string): string =>
  PACKAGE_OF[name] ?? name.toLowerCase().replaceAll('_', '-');

const IMAGES: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /^huggingface\/(?:transformers|trl|peft)/,
    [...TRANSFORMERS, ...ACCELERATE, ...DATASETS, 'trl', 'peft', 'evaluate'],
  ],
  [/^(?:pytorch\/pytorch|nvcr\.io\/nvidia\/pytorch)/, [...TORCH, 'torchvision', 'torchaudio']],
  [/^vllm\/vllm-openai/, ['vllm', ...(BRINGS['vllm'] ?? [])]],
  [/^(?:ghcr\.io\/astral-sh\/uv|python)[:@]/, []],
];

/** What an image has; undefined when nobody here knows. */
export const packagesOfImage = (image: string): readonly string[] | undefined =>
  IMAGES.find(([pattern]) => pattern.test(image))?.[1];
