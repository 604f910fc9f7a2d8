/** A sandbox as somebody wants it, written down flat: back end, name, profile and the options of the back end, in one object. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { BackendId } from './backend.ts';
import { namesIn, type Names } from './check-options.ts';
import type { BackendRegistry } from './registry.ts';
import { respell } from './spelling.ts';

/** A `[sandbox.NAME]` table of a `glovebox.toml`, as written. */
export interface Profile {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly file: string;
  readonly line?: number;
}

export interface WantedSandbox {
  readonly backend: BackendId;
  readonly name?: string;
  /** As written, in the names of the back end; `Sandboxes.create` checks them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** How whoever wrote it writes names, for the texts about mistakes. */
  readonly names: Names;
}

export interface ConfigSources {
  readonly registry: Pick<BackendRegistry, 'load'>;
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Where nothing names a back end. */
  readonly fallback: string;
}

const NAME = /^[A-Za-z0-9._-]{1,63}$/;

/**
 * What a config asks for, with its profile below it: what the config says itself wins. The options are not checked here.
 *
 * @throws `config/invalid` for what is no config, or a name that cannot be one; `input/invalid` for an unknown profile; `backend/unknown`.
 */
export async function resolveConfig(raw: unknown, sources: ConfigSources): Promise<WantedSandbox> {
  if (!isRecord(raw)) {
    throw new GloveboxError('config/invalid', 'A sandbox is described by an object.', {
      hint: 'For example {"backend": "local"}.',
    });
  }
  const { profile: profileName, ...own } = raw;
  const profile = profileName === undefined ? {} : profileOf(profileName, sources.profiles);
  const wanted = own['backend'] ?? profile['backend'];
  const backend = await sources.registry.load(
    wanted === undefined ? sources.fallback : text('backend', wanted),
  );
  const below = respell(backend.optionsSchema, without(profile));
  const above = respell(backend.optionsSchema, without(own));
  const name = own['name'] ?? profile['name'];
  return {
    backend: backend.id,
    ...(name !== undefined && { name: checkedName(text('name', name)) }),
    options: { ...(isRecord(below) && below), ...(isRecord(above) && above) },
    names: namesIn(own),
  };
}

const without = ({
  backend: _backend,
  name: _name,
  ...options
}: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => options;

function text(key: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new GloveboxError('config/invalid', `${key}: must be a text.`);
}

function checkedName(name: string): string {
  if (NAME.test(name)) return name;
  throw new GloveboxError(
    'config/invalid',
    `name: "${name}" has characters that a name cannot have, or more than 63.`,
    { hint: 'A name has letters, digits, dots, underscores and hyphens.' },
  );
}

function profileOf(
  name: unknown,
  profiles: ReadonlyMap<string, Profile>,
): Readonly<Record<string, unknown>> {
  const found = profiles.get(text('profile', name));
  if (found !== undefined) return found.options;
  const known = [...profiles.keys()].join(', ');
  throw new GloveboxError('input/invalid', `There is no profile "${String(name)}".`, {
    hint: known === '' ? 'Write one as [sandbox.NAME] into glovebox.toml.' : `Profiles: ${known}.`,
  });
}
