/** How long the hook takes that stands before every call of a tool: the whole process, from its start to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Bench, Measure } from '../bench.ts';
import { interleave, timed } from '../samples.ts';

const CALL = JSON.stringify({
  session_id: 'bench',
  hook_event_name: 'PreToolUse',
  permission_mode: 'default',
  tool_use_id: 'toolu_bench',
  tool_name: 'mcp__plugin_glovebox_glovebox__sandbox_create',
  tool_input: { backend: 'modal', options: { gpu: 'T4' } },
});
const SCRIPT = path.resolve(import.meta.dirname, '../../plugin/dist/hook.cjs');

export const hook: Measure = {
  name: 'hook',
  async run({ lab, rounds }: Bench) {
    const env = { PATH: process.env['PATH'] ?? '', HOME: lab.projectDir, GLOVEBOX_DIR: lab.dir };
    const { empty, ours } = await interleave(rounds(20), {
      empty: () => timed(() => run(['-e', '0'], env)),
      ours: () =>
        timed(async () => {
          const answer = await run([SCRIPT, 'PreToolUse'], env);
          if (!answer.includes('"ask"')) throw new Error(`the hook answered: ${answer}`);
        }),
    });
    return [
      {
        measure: 'PreToolUse hook that asks about a paid sandbox, whole process',
        unit: 'ms',
        bar: { of: 'median', most: 90 },
        ours,
        floor: { name: 'an empty node -e 0', samples: empty },
      },
    ];
  },
};

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  let answer = '';
  child.stdout.on('data', (text: Buffer) => (answer += text.toString()));
  child.stdin.end(CALL);
  await once(child, 'close');
  return answer;
}
