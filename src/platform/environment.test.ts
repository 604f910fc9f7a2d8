/** What a child process may see, and above all what it may not. */
import { describe, expect, test } from 'vitest';
import { childEnvironment } from './environment.ts';

const passes = (name: string, value = 'value'): boolean =>
  name in childEnvironment({ [name]: value });

describe('childEnvironment', () => {
  test.each(
    `
    PATH HOME LANG LC_ALL TZ TMPDIR XDG_CACHE_HOME LD_LIBRARY_PATH SLURM_JOB_ID http_proxy
    HTTPS_PROXY no_proxy SSL_CERT_FILE PIP_CERT UV_CACHE_DIR TOKENIZERS_PARALLELISM
    CUDA_VISIBLE_DEVICES NCCL_DEBUG OMP_NUM_THREADS HF_HOME HF_HUB_OFFLINE
    PYTORCH_CUDA_ALLOC_CONF
  `
      .trim()
      .split(/\s+/),
  )('P8: %s passes', (name) => {
    expect(passes(name)).toBe(true);
  });

  test.each(
    `
    ANTHROPIC_API_KEY ANTHROPIC_BASE_URL CLAUDECODE CLAUDE_CODE_SESSION_ID
    CLAUDE_CODE_MESSAGING_TOKEN CLAUDE_PROJECT_DIR AI_AGENT MCP_TIMEOUT GLOVEBOX_HF_TOKEN
    GLOVEBOX_DIR JUPYTER_TOKEN JPY_API_TOKEN JUPYTER_CONFIG_DIR XDG_RUNTIME_DIR HF_TOKEN
    HUGGING_FACE_HUB_TOKEN OPENAI_API_KEY AWS_SECRET_ACCESS_KEY GITHUB_TOKEN MODAL_TOKEN_SECRET
    WANDB_API_KEY SSH_AUTH_SOCK NODE_OPTIONS PYTHONPATH PYTHONSTARTUP UV_PUBLISH_TOKEN
    UV_INDEX_PRIVATE_PASSWORD SLURM_JWT SOMETHING_NEW NPM_CONFIG_USERCONFIG
  `
      .trim()
      .split(/\s+/),
  )('P8: %s does not pass', (name) => {
    expect(passes(name)).toBe(false);
  });

  test('credentials in the address of a package index stay out, those of a proxy are needed', () => {
    expect(passes('PIP_INDEX_URL', 'https://me:word@example.org/simple')).toBe(false);
    expect(passes('PIP_INDEX_URL', 'https://example.org/simple')).toBe(true);
    expect(passes('HTTPS_PROXY', 'http://me:word@proxy.example.org:3128')).toBe(true);
  });

  test('names and beginnings that are asked for pass, secrets too, and extra wins', () => {
    const source = {
      WANDB_API_KEY: 'k',
      MY_A: '1',
      MY_B: '2',
      OTHER: '3',
      PATH: '/bin',
      GONE: undefined,
    };
    const options = {
      pass: ['WANDB_API_KEY', 'MY_*', 'GONE', 'ABSENT'],
      extra: { PATH: '/usr/bin', NEW: 'n' },
    };
    expect(childEnvironment(source, options)).toEqual({
      WANDB_API_KEY: 'k',
      MY_A: '1',
      MY_B: '2',
      PATH: '/usr/bin',
      NEW: 'n',
    });
  });
});
