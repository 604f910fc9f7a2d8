import { describe, expect, it } from 'vitest';
import { runFake } from '../../../test/rigs/cli-host.ts';
import { fakeTool } from '../../../test/rigs/cli-objects.ts';

describe('tool', () => {
  const tools = [fakeTool('greet_person')];

  it('lists tools, and shows the parameters of one', async () => {
    expect((await runFake(['tool'], { tools })).out).toBe('notebook:\n  greet_person  Greet\n');
    const help = await runFake(['tool', 'greet-person', '--help'], { tools });
    expect(help.code).toBe(0);
    expect(help.out).toContain(
      'Greets somebody.\n\nParameters:\n  --who <string>  (required)\n      Whom.',
    );
    expect((await runFake(['tool', 'greet_person', '--schema'], { tools })).json()).toMatchObject({
      required: ['who'],
    });
  });

  it.each([
    [['greet_person', '--who', 'you', '--times', '2']],
    [['greet-person', '--json', '{"who": "you", "times": 2}']],
    [['greet_person', '--input', '{"who": "me"}', '--who=you', '--times', '2']],
    [['greet_person', '--input', '-', '--times', '2']],
  ])('calls a tool: %j', async (words) => {
    const { code, calls } = await runFake(['tool', ...words], { tools, stdin: '{"who": "you"}' });
    expect([code, calls]).toEqual([0, ['greet_person {"who":"you","times":2}', 'close']]);
  });

  it('prints text, saves images and names them', async () => {
    const callTool = () =>
      Promise.resolve({
        blocks: [
          { type: 'text', text: 'Hello' },
          { type: 'image', data: 'AAAA', mimeType: 'image/png' },
        ] as const,
        meta: { n: 1 },
      });
    const { out, calls } = await runFake(['tool', 'greet_person', '--save-images', '/here'], {
      tools,
      callTool,
    });
    expect(out).toBe('Hello\n[image: /saved/greet_person-20260102030405-1.png]\n');
    expect(calls).toEqual(['save /here/greet_person-20260102030405-1.png 3', 'close']);
    const data = await runFake(['tool', '--json', 'greet_person'], { tools, callTool });
    expect(data.json()).toMatchObject({
      content: [{ text: 'Hello' }, { type: 'image' }],
      meta: { n: 1 },
    });
  });
});
