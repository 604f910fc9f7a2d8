/** The rows of the option table about Modal. */
import { MODAL_PRICES } from './modal-prices.ts';
import { list, secret, words } from './kinds.ts';
import { option } from './option.ts';

export const MODAL_OPTIONS = {
  'modal.app': option({
    kind: words('a name of letters, digits, dots and dashes', /^[A-Za-z0-9._-]{1,63}$/),
    default: 'glovebox',
    env: 'GLOVEBOX_MODAL_APP',
    about: 'The app at Modal that all sandboxes of the modal back end belong to.',
  }),
  'modal.environment': option({
    kind: words('a name of letters, digits, dots and dashes', /^[A-Za-z0-9._-]{1,63}$/),
    default: undefined,
    defaultText: 'that of the Modal profile',
    env: 'GLOVEBOX_MODAL_ENVIRONMENT',
    about: 'The environment at Modal.',
  }),
  'modal.token_id': option({
    kind: secret('the id of a token of Modal'),
    default: undefined,
    defaultText: 'that of the Modal profile',
    env: 'MODAL_TOKEN_ID',
    pluginOption: 'modal_token_id',
    from: 'user',
    about:
      'Token of Modal, where no profile in ~/.modal.toml is to count; with modal.token_secret.',
  }),
  'modal.token_secret': option({
    kind: secret('the secret of a token of Modal'),
    default: undefined,
    defaultText: 'that of the Modal profile',
    env: 'MODAL_TOKEN_SECRET',
    pluginOption: 'modal_token_secret',
    from: 'user',
    about: 'The secret that belongs to modal.token_id.',
  }),
  'modal.prices': option({
    kind: list(words('NAME=USD by the hour, such as T4=0.59', MODAL_PRICES.form)),
    default: undefined,
    defaultText: 'none: prices are estimates',
    env: MODAL_PRICES.env,
    from: 'user',
    about:
      'What Modal takes by the hour for each GPU, a core (core) and a GiB of memory (gib), which its API does not tell. The budget agrees by no other prices.',
  }),
  'modal.root': option({
    kind: words('a folder', /^[^\s]+$/),
    default: '/',
    env: 'GLOVEBOX_MODAL_ROOT',
    from: 'user',
    about:
      'Folder inside a Modal sandbox that holds workspace, models and cache. Another one than / is for images that cannot write there; kernels run as the user of the image then.',
  }),
};
