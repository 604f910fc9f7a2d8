/** Secrets in the arguments of commands: `--token v`, `docker login -p v`, `curl -u a:v`, `wandb login v`, lines of a netrc. */
import { strengthOf } from './secret-names.ts';
import { isSecretValue } from './secret-values.ts';
import { endOfMatch, type Detector, type Hit } from './trigger-scan.ts';

/** As a flag even the bare word says that a secret follows. */
export function isSecretFlag(flag: string): boolean {
  if (!/^--?[A-Za-z]/.test(flag)) return false;
  const name = flag.replace(/^-+/, '');
  const strength = strengthOf(name);
  return (
    strength === 'strong' || (strength === 'weak' && /(?:^|[-_.])(?:token|auth|pat)$/i.test(name))
  );
}

const FLAG = /--[A-Za-z][A-Za-z0-9_.]{0,40}(?:-[A-Za-z0-9_.]{1,40}){0,6}/y;
const GAP = /[ \t]{1,8}|=/y;
const QUOTED = /"[^"\n]{1,4096}"|'[^'\n]{1,4096}'/y;
const BARE = /[^\s"'`;|&<>)\]}\\,]{1,4096}/y;

const LONG_FLAGS: Detector = {
  words: 'abcdefghijklmnopqrstuvwxyz'.split('').map((letter) => `--${letter}`),
  find(text, at) {
    if (text.charAt(at - 1) === '-') return undefined;
    const end = endOfMatch(FLAG, text, at);
    if (end === undefined || !isSecretFlag(text.slice(at, end))) return undefined;
    const start = endOfMatch(GAP, text, end);
    return start === undefined ? undefined : argumentAt(text, start);
  },
};

/** The value at `start`, without its quotes. */
function argumentAt(text: string, start: number): Hit | undefined {
  const quoted = endOfMatch(QUOTED, text, start);
  const [from, end] =
    quoted === undefined ? [start, endOfMatch(BARE, text, start)] : [start + 1, quoted - 1];
  if (end === undefined) return undefined;
  const value = text.slice(from, end);
  if (value.startsWith('-') || !isSecretValue(value, 'strong')) return undefined;
  return { start: from, end, kind: 'named-secret' };
}

/** A command up to where its secret begins; it never reaches over the next command of the same name. */
const after = (word: string, pattern: RegExp): Detector => ({
  words: [word],
  find(text, at) {
    if (/[\w-]/.test(text.charAt(at - 1))) return undefined;
    const start = endOfMatch(pattern, text, at);
    return start === undefined ? undefined : argumentAt(text, start);
  },
});

export const COMMAND_FLAGS: readonly Detector[] = [
  LONG_FLAGS,
  after('docker', /docker[ \t]{1,8}login(?:(?!docker)[^\n]){0,300}?[ \t]-p(?:[ \t]{1,8}|=)?/y),
  after(
    'curl',
    /curl(?=[ \t])(?:(?!curl)[^\n]){0,400}?[ \t](?:-u|--user)(?:[ \t]{1,8}|=)?["']?[^\s:"']{1,128}:/y,
  ),
  after(
    'wandb',
    /wandb[ \t]{1,8}login(?:[ \t]{1,8}--[a-z-]{1,30}(?:=\S{1,200})?){0,4}[ \t]{1,8}(?=[0-9a-f]{40}(?![0-9a-f]))/y,
  ),
  after(
    'machine',
    /machine\s{1,20}\S{1,200}\s{1,20}login\s{1,20}\S{1,200}\s{1,20}password\s{1,20}/y,
  ),
];
