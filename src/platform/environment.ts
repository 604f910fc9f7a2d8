/** Builds the environment of a child process from an allow list, so that no secret of ours reaches a kernel (platform facts, P8). */

// A name that ends in `*` stands for every name that begins so. What is not listed does not pass: the environment of an
// agent's host holds API keys and tokens under names that nobody can list.
const ALLOWED = words(`
  HOME USER LOGNAME SHELL PATH TERM TMPDIR TMP TEMP HOSTNAME LANG LANGUAGE LC_* TZ TZDIR
  XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_DATA_DIRS
  LD_LIBRARY_PATH LIBRARY_PATH CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH PKG_CONFIG_PATH
  DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH CC CXX CFLAGS CXXFLAGS LDFLAGS JAVA_HOME
  MODULEPATH MODULESHOME LOADEDMODULES _LMFILES_ LMOD_* EBROOT* SLURM_*
  http_proxy https_proxy ftp_proxy all_proxy no_proxy
  HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY
  SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO AWS_CA_BUNDLE
  NODE_EXTRA_CA_CERTS PIP_* UV_* PYTHONHASHSEED PYTHONUTF8 PYTHONIOENCODING
  CUDA_* CUDNN_* NVIDIA_* NCCL_* GPU_* HIP_* HSA_* ROCM_* ROCR_* MIOPEN_*
  OMP_* MKL_* KMP_* OPENBLAS_* NUMEXPR_* BLIS_* VECLIB_* RAYON_* NUMBA_*
  TORCH_* TORCHINDUCTOR_* PYTORCH_* TRITON_* JAX_* XLA_* TF_* TOKENIZERS_PARALLELISM
  HF_HOME HF_HUB_CACHE HF_XET_CACHE HF_ASSETS_CACHE HF_DATASETS_CACHE HF_MODULES_CACHE HF_ENDPOINT
  HF_HUB_OFFLINE HF_DATASETS_OFFLINE HF_HUB_ENABLE_HF_TRANSFER HF_HUB_DISABLE_* HF_XET_HIGH_PERFORMANCE
  TRANSFORMERS_CACHE TRANSFORMERS_OFFLINE VLLM_CACHE_ROOT MPLCONFIGDIR MPLBACKEND
  R_HOME R_LIBS R_LIBS_USER R_LIBS_SITE JULIA_DEPOT_PATH JULIA_PROJECT JULIA_NUM_THREADS
`);

/** Even below an allowed beginning these do not pass: `UV_PUBLISH_TOKEN`, `SLURM_JWT`. */
const SECRET_NAME = /TOKEN(?!IZERS)|SECRET|PASSW|API_?KEY|CREDENTIAL|JWT|_KEY$|_AUTH$/i;
/** `https://user:password@host`, as a private package index may have it. */
const CREDENTIALS_IN_URL = /:\/\/[^/\s@]+@/;
const PROXY_NAME = /_proxy$/i;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ChildEnvironmentOptions {
  /** Further names, or beginnings with `*` at the end. Somebody asked for them by name, so secrets pass too. */
  readonly pass?: readonly string[];
  /** Set as given, over everything else. */
  readonly extra?: Readonly<Record<string, string>>;
}

/**
 * What a child process may see of `source`: folders, locale, proxies, certificates, hardware and cache settings, and what the
 * options name. A proxy passes with its credentials, since nothing works without; every other listed variable with
 * credentials in a URL does not.
 */
export function childEnvironment(
  source: Environment,
  options: ChildEnvironmentOptions = {},
): Record<string, string> {
  const allowed = matcher(ALLOWED);
  const asked = matcher(options.pass ?? []);
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (asked(name) || (allowed(name) && !isSecret(name, value))) result[name] = value;
  }
  return { ...result, ...options.extra };
}

function isSecret(name: string, value: string): boolean {
  return SECRET_NAME.test(name) || (!PROXY_NAME.test(name) && CREDENTIALS_IN_URL.test(value));
}

function matcher(patterns: readonly string[]): (name: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
  const beginnings = patterns
    .filter((pattern) => pattern.endsWith('*'))
    .map((pattern) => pattern.slice(0, -1));
  return (name) => names.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
