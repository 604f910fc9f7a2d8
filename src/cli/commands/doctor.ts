/** `glovebox doctor`: what is there, what is missing, and what to do about it. */
import type { Origin } from '#config/config.ts';
import type { CliCommand } from '../command.ts';
import { examine, type Finding } from '../doctor.ts';
import { EXIT } from '../exit-codes.ts';

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

export const doctor: CliCommand = {
  usage: 'doctor',
  about: 'Check this machine and the configuration, with a next step for everything that is wrong.',
  configure: (command) => command.option('--all', 'every option, also those at their default'),
  async run(context, command) {
    const { all = false } = command.opts<{ readonly all?: boolean }>();
    const { config } = context;
    const findings: Finding[] = [];
    for await (const finding of examine(context)) {
      findings.push(finding);
      context.progress.clear();
      if (!context.json) context.print(toText(finding));
    }
    const options = config.explain();
    if (context.json) context.printJson({ findings, options });
    else {
      context.print('\noptions:');
      for (const { key, value, origin } of options) {
        if (!all && origin === 'default') continue;
        context.print(`  ${key} = ${value}  (${originText(origin)})`);
      }
      if (!all) context.print('  (all others at their default; doctor --all shows them)');
    }
    return findings.some(({ status }) => status === 'fail') ? EXIT.failed : EXIT.done;
  },
};

function toText({ status, about, message, next }: Finding): string {
  const line = `${MARKS[status]}  ${about}: ${message}`;
  return next === undefined ? line : `${line}\n      next: ${next}`;
}

function originText(origin: Origin): string {
  if (origin === 'default') return 'default';
  if ('env' in origin) return origin.env;
  if ('flag' in origin) return origin.flag;
  return origin.line === undefined ? origin.file : `${origin.file}:${origin.line}`;
}
