import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlannedOperation } from './contract.ts';
import { fact, MAX_PROMPT_CHARS, renderQuestion } from './prompt.ts';

const job = (facts: readonly string[], more: Partial<PlannedOperation> = {}): PlannedOperation => ({
  tool: 'hf_jobs',
  operation: 'run',
  question: 'Run a paid Job on Hugging Face?',
  facts,
  binding: {},
  about: {},
  cost: {
    amountMicroUsd: 3_000_000,
    unitMicroUsd: 25_000,
    minutes: 120,
    isFresh: true,
    source: 'list',
  },
  ...more,
});

describe('3.3: the text of a question', () => {
  it('an argument looks like no line of its own, and steers no terminal', () => {
    const spoof = 'x\nprices     free\u001b[2K\u001b[1A\u202e\u200b\u2028\r';
    const text = renderQuestion(job([fact('command', spoof)]), []);
    expect(text.split('\n').slice(3)).toEqual([
      'command    x',
      `${' '.repeat(11)}prices     free\\u{1b}[2K\\u{1b}[1A\\u{202e}\\u{200b}\\u{2028}\\u{d}`,
    ]);
  });

  it('shows the amount and how it comes about, whatever the facts are', () => {
    const facts = fc.array(fc.string({ unit: 'binary', maxLength: 600 }), { maxLength: 12 });
    fc.assert(
      fc.property(facts, fc.string({ unit: 'binary', maxLength: 900 }), (lines, question) => {
        const text = renderQuestion(job(lines, { question }), ['budget     no cap']);
        const [head = '', limit, prices, budget, ...rest] = text.split('\n');
        return (
          text.length <= MAX_PROMPT_CHARS &&
          head.endsWith('   max. $3.00') &&
          limit === 'limit      2 h: 120 min x $0.0250' &&
          prices === 'prices     list' &&
          budget === 'budget     no cap' &&
          !/[\p{Cc}\p{Cf}]/u.test([head, ...rest].join(''))
        );
      }),
      { numRuns: 25 },
    );
  });

  it('a long fact pushes no short one out, and a grave warning comes first', () => {
    const long = Array.from({ length: 6 }, (_, at) => fact('mounts', `${at}${'x'.repeat(5000)}`));
    const grave = { code: 'R1', severity: 'high', message: 'it saves nothing' } as const;
    const text = renderQuestion(
      job([...long, fact('open', 'to SSH')], { advisories: [grave] }),
      [],
    );
    const lines = text.split('\n');
    expect(lines[3]).toBe('warning    [high] it saves nothing');
    expect(lines.at(-1)).toBe('open       to SSH');
    expect(lines[4]).toMatch(/^mounts {5}0x+… \(\d+ more characters\)$/);
  });
});
