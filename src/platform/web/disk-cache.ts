/** Answers of services on disk: bounded, private, shared by all processes. Losing it costs time, never data. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { Clock } from '../clock.ts';
import { ensurePrivateFolder, removeIfExists, writeFileAtomic } from '../files.ts';

export interface StoredAnswer {
  readonly status: number;
  readonly url: string;
  /** Those that describe the content. */
  readonly headers: Readonly<Record<string, string>>;
  /** When the service last said that it is so, in milliseconds since the epoch. */
  readonly storedMs: number;
  readonly bytes: Buffer;
}

export interface AnswerCache {
  /** `undefined` when there is nothing, or nothing that can be read. Never throws. */
  load(key: string): Promise<StoredAnswer | undefined>;
  /** Never throws: an answer that cannot be kept is still an answer. */
  save(key: string, answer: StoredAnswer): Promise<void>;
}

export interface DiskCacheOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly maxBytes: number;
}

const headSchema = z.object({
  status: z.number(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  storedMs: z.number(),
  bodyBytes: z.number(),
});

/** After a sweep this part of the limit is left, so that not every write sweeps. */
const AFTER_SWEEP = 0.8;

/** One file per answer: a line of JSON, then the body. Its time of change is the time of last use. */
export function createDiskCache({ dir, clock, maxBytes }: DiskCacheOptions): AnswerCache {
  let knownBytes: number | undefined;
  let sweeping: Promise<void> | undefined;

  const fileOf = (key: string): string =>
    path.join(dir, createHash('sha256').update(key).digest('hex'));

  const markUsed = (file: string): Promise<void> => {
    const now = new Date(clock.now());
    return utimes(file, now, now);
  };

  const sweep = async (): Promise<void> => {
    const files = await listByLastUse(dir);
    let total = files.reduce((sum, { size }) => sum + size, 0);
    if (total > maxBytes) {
      for (const { file, size } of files) {
        if (total <= maxBytes * AFTER_SWEEP) break;
        await removeIfExists(file);
        total -= size;
      }
    }
    knownBytes = total;
  };

  return {
    async load(key) {
      const file = fileOf(key);
      const content = await readFile(file).catch(() => undefined);
      if (content === undefined) return undefined;
      const answer = decode(content);
      if (answer === undefined) {
        await removeIfExists(file).catch(() => undefined);
        return undefined;
      }
      await markUsed(file).catch(() => undefined);
      return answer;
    },
    async save(key, answer) {
      const { bytes, ...rest } = answer;
      const head = JSON.stringify({ ...rest, bodyBytes: bytes.length });
      const content = Buffer.concat([Buffer.from(`${head}\n`), bytes]);
      if (content.length > maxBytes / 4) return;
      try {
        await ensurePrivateFolder(dir);
        const file = fileOf(key);
        await writeFileAtomic(file, content, { durable: false });
        await markUsed(file);
        if (knownBytes !== undefined) knownBytes += content.length;
        if (knownBytes === undefined || knownBytes > maxBytes) {
          sweeping ??= sweep().finally(() => (sweeping = undefined));
          await sweeping;
        }
      } catch {
        // A full or read-only disk: the next call asks the service again.
      }
    },
  };
}

function decode(content: Buffer): StoredAnswer | undefined {
  const end = content.indexOf(0x0a);
  if (end < 0) return undefined;
  try {
    const { bodyBytes, ...head } = headSchema.parse(JSON.parse(content.toString('utf8', 0, end)));
    const bytes = content.subarray(end + 1);
    return bytes.length === bodyBytes ? { ...head, bytes } : undefined;
  } catch {
    return undefined;
  }
}

interface CacheFile {
  readonly file: string;
  readonly size: number;
  readonly usedMs: number;
}

/** Longest unused first. */
async function listByLastUse(dir: string): Promise<readonly CacheFile[]> {
  const names = await readdir(dir);
  const files = await Promise.all(
    names.map(async (name): Promise<CacheFile[]> => {
      const file = path.join(dir, name);
      const facts = await stat(file).catch(() => undefined);
      return facts === undefined ? [] : [{ file, size: facts.size, usedMs: facts.mtimeMs }];
    }),
  );
  return files.flat().toSorted((a, b) => a.usedMs - b.usedMs);
}

/** How much the cache holds now, for `doctor`. */
export async function measureDiskCache(dir: string): Promise<number> {
  const files = await listByLastUse(dir).catch(() => []);
  return files.reduce((sum, { size }) => sum + size, 0);
}
