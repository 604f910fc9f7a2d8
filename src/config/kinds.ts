/** The kinds of values an option can have: how text becomes one, what is valid, and how to say so. */
import { isIP } from 'node:net';
import * as z from 'zod';
import { wordsOfList } from '#core/words.ts';
import { absolute, realPath, type Place } from './paths.ts';
import { Secret } from './secret.ts';
import { truthOfWord } from './truth-word.ts';

export interface Kind<T> {
  /** Completes the sentence "must be ...". */
  readonly accepts: string;
  /** Values are never shown. */
  readonly secret?: boolean;
  /** The accepted words, where they can be listed. */
  readonly known?: readonly string[];
  /** Made when an option is first read: schemas cost start-up time. */
  readonly schema: () => z.ZodType<T>;
  /** What a variable or a flag says, in the type that a file would have. Text that makes no sense is returned as it is. */
  fromText(text: string): unknown;
  /** Makes a valid value absolute. */
  settle?(value: T, place: Place): T;
}

const asText = (text: string): unknown => text;

export function secret(accepts: string): Kind<Secret> {
  return {
    accepts,
    secret: true,
    schema: () =>
      z.union([
        z.instanceof(Secret),
        z
          .string()
          .min(1)
          .transform((value) => new Secret(value)),
      ]),
    fromText: (value) => new Secret(value),
  };
}

export function choice<const T extends string>(values: readonly T[]): Kind<T> {
  return {
    accepts: `one of ${values.join(', ')}`,
    known: values,
    schema: () => z.enum(values),
    fromText: asText,
  };
}

export function wholeNumber(min: number, max: number): Kind<number> {
  return {
    accepts: `a whole number from ${min} to ${max}`,
    schema: () => z.number().int().min(min).max(max),
    fromText: (value) => (/^[+-]?\d+$/.test(value) ? Number(value) : value),
  };
}

export function decimal(min: number, max: number): Kind<number> {
  return {
    accepts: `a number from ${min} to ${max}`,
    schema: () => z.number().min(min).max(max),
    fromText: (value) => (/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(value) ? Number(value) : value),
  };
}

export function onOff(): Kind<boolean> {
  return {
    accepts: '1, true, yes, on, 0, false, no or off (in a file true or false)',
    schema: () => z.boolean(),
    fromText: (value) => truthOfWord(value) ?? value,
  };
}

/** Words in order; in text separated by blanks or commas. */
export function list<const T extends string>(each: Kind<T>): Kind<readonly T[]> {
  return {
    accepts: `a list, each ${each.accepts} (in text separated by commas or blanks)`,
    schema: () => z.array(each.schema()).readonly(),
    fromText: wordsOfList,
  };
}

/** Words in order, with whatever blanks they hold; in text a JSON array. */
export function jsonList(each: Kind<string>): Kind<readonly string[]> {
  return {
    accepts: `a list, each ${each.accepts} (in text a JSON array)`,
    schema: () => z.array(each.schema()).readonly(),
    fromText(value) {
      try {
        return JSON.parse(value);
      } catch {
        return value;
      }
    },
  };
}

export function words(accepts: string, pattern: RegExp): Kind<string> {
  return { accepts, schema: () => z.string().regex(pattern), fromText: asText };
}

export function ipAddress(): Kind<string> {
  return {
    accepts: 'an IP address',
    schema: () => z.string().refine((value) => isIP(value) !== 0),
    fromText: asText,
  };
}

const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** The address of a service, without the slash at its end. https, or http on this machine. */
export function serviceUrl(): Kind<string> {
  return {
    accepts: 'an https address without credentials and query (http only on this machine)',
    schema: () => z.string().refine(isServiceUrl),
    fromText: asText,
    settle: (value) => value.replace(/\/+$/, ''),
  };
}

function isServiceUrl(value: string): boolean {
  if (!URL.canParse(value) || /[?#]/.test(value)) return false;
  const { protocol, hostname, username, password } = new URL(value);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && LOOPBACK_HOST.test(hostname));
  return isSafe && username === '' && password === '';
}

/** A path; `~` is the home folder, and what is relative counts from the file or folder it was written in. */
export function folder(): Kind<string> {
  return {
    accepts: 'a path',
    schema: () =>
      z
        .string()
        .min(1)
        .refine((value) => !value.includes('\0')),
    fromText: asText,
    settle: absolute,
  };
}

/** A folder by its real path, so that it has one name however it was reached. One that does not exist keeps its name. */
export function realFolder(): Kind<string> {
  return { ...folder(), settle: (value, place) => realPath(absolute(value, place)) };
}

/** A path, or a bare name that is looked up on the PATH. */
export function program(): Kind<string> {
  return {
    ...folder(),
    accepts: 'a path or the name of a program',
    settle: (value, place) => (/[/\\]|^~/.test(value) ? absolute(value, place) : value),
  };
}
