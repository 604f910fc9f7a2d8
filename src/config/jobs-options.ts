/** The options of Jobs on the Hugging Face Hub, and of sandboxes in them. */
import { secret, words } from './kinds.ts';
import { option } from './option.ts';

export const JOBS_OPTIONS = {
  'jobs.token': option({
    kind: secret('a token of the Hugging Face Hub'),
    default: undefined,
    defaultText: 'the Hub token',
    env: 'GLOVEBOX_JOB_TOKEN',
    pluginOption: 'job_token',
    from: 'user',
    about: 'Token that goes into Jobs as HF_TOKEN; a fine-grained one is recommended.',
  }),
  'jobs.namespace': option({
    kind: words('an account or an organisation of the Hub', /^[A-Za-z0-9][\w.-]*$/),
    default: undefined,
    defaultText: 'the account of the token',
    env: 'GLOVEBOX_HF_NAMESPACE',
    oldNames: [{ env: 'HF_NAMESPACE', isStandard: true }],
    from: 'user',
    about: 'Who Jobs and sandboxes on the Hub belong to, and who pays for them.',
  }),
  'jobs.proxy_token': option({
    kind: secret('a token of the Hugging Face Hub'),
    default: undefined,
    defaultText: 'the Hub token',
    env: 'GLOVEBOX_HF_PROXY_TOKEN',
    from: 'user',
    about:
      'Token that opens the ports of Jobs; code in a Job might see it, so a fine-grained one that only reads is the safest.',
  }),
  'jobs.root': option({
    kind: words('a folder', /^[^\s]+$/),
    default: '/',
    env: 'GLOVEBOX_JOBS_ROOT',
    from: 'user',
    about:
      'Folder inside a Job that holds workspace and models. Another one than / is for images that cannot write there; kernels run as the user of the image then.',
  }),
} as const;
