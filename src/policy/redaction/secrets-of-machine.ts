/** Gathers the secrets that this process knows: out of its variables, its token files and the records of what it started. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '#core/json.ts';
import { createRedactor, type Redactor } from './redactor.ts';
import { strengthOf } from './secret-names.ts';
import { isSecretValue } from './secret-values.ts';

export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Glovebox's own folder: records of sandboxes hold the tokens of their Jupyter servers. */
  readonly dir: string;
  /** Files that hold a token and nothing else. */
  readonly tokenFiles: readonly string[];
  /** Configured secrets. */
  readonly values?: readonly string[];
}

const MAX_RECORD_BYTES = 1024 * 1024;
const MAX_RECORDS = 2000;

/** Never fails: what cannot be read is left out. */
export async function gatherSecrets({
  env,
  dir,
  tokenFiles,
  values = [],
}: SecretSources): Promise<readonly string[]> {
  const files = tokenFiles.map((file) => readFile(file, 'utf8').catch(() => ''));
  const found = [
    ...values,
    ...secretsInEnvironment(env),
    ...(await Promise.all(files)),
    ...(await secretsInRecords(dir)),
  ];
  return [...new Set(found.map((each) => each.trim()).filter((each) => each !== ''))];
}

function secretsInEnvironment(env: SecretSources['env']): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const strength = strengthOf(name);
    if (strength !== undefined && isSecretValue(value, strength)) return [value];
    // `DATABASE_URL`, a proxy: the password in an address.
    const password = URL.canParse(value) ? new URL(value).password : '';
    return password === '' ? [] : [password, decoded(password)];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function secretsInRecords(dir: string): Promise<readonly string[]> {
  const folder = path.join(dir, 'sandboxes');
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const records = names.filter((name) => name.endsWith('.json')).slice(0, MAX_RECORDS);
  const found = await Promise.all(
    records.map(async (name) => {
      const file = path.join(folder, name);
      try {
        if ((await stat(file)).size > MAX_RECORD_BYTES) return [];
        return namedSecrets(JSON.parse(await readFile(file, 'utf8')));
      } catch {
        return [];
      }
    }),
  );
  return found.flat();
}

function namedSecrets(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namedSecrets);
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, each]) => {
    if (typeof each !== 'string') return namedSecrets(each);
    const strength = strengthOf(name);
    return strength !== undefined && isSecretValue(each, strength) ? [each] : [];
  });
}

/** A redactor that knows all of it, with the detectors for other services. Takes milliseconds; what comes later is not known to it. */
export async function loadRedactor(sources: SecretSources): Promise<Redactor> {
  const [{ createServiceDetectors }, known] = await Promise.all([
    import('./service-detectors.ts'),
    gatherSecrets(sources),
  ]);
  return createRedactor({ known, detectors: createServiceDetectors() });
}
