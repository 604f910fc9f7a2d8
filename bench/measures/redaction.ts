/** How long it takes to take secrets out of 10 MB: of source code, of one line of 5 MB, and of a transcript. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createRedactor } from '#policy/redaction/redactor.ts';
import { createServiceDetectors } from '#policy/redaction/service-detectors.ts';
import type { Measure } from '../bench.ts';
import type { Finding } from '../row.ts';

const MB = 1_000_000;
const source = path.resolve(import.meta.dirname, '../../src');

export const redaction: Measure = {
  name: 'redaction',
  async run({ rounds }) {
    const redactor = createRedactor({
      known: Array.from(
        { length: 20 },
        (_, index) => `secret-${index}-of-this-machine-${index * 7}`,
      ),
      detectors: createServiceDetectors(),
    });
    const code = codeOf(10 * MB);
    const line = 'ab+/'.repeat((5 * MB) / 4);
    const entry = JSON.stringify({
      type: 'user',
      message: { content: [{ text: code.slice(0, 20_000) }] },
    });
    const entries = Array.from({ length: Math.ceil((10 * MB) / entry.length) }, () => entry);
    const take = (measure: string, most: number, work: () => void): Finding => ({
      measure,
      unit: 'ms',
      bar: { of: 'median', most },
      ours: Array.from({ length: rounds(5) }, () => {
        const start = performance.now();
        work();
        return performance.now() - start;
      }),
    });
    return [
      take('redaction, 10 MB of source code', 1000, () => redactor.text(code)),
      take('redaction, one line of 5 MB', 1000, () => redactor.text(line)),
      take('redaction, a transcript of 10 MB', 1000, () => {
        for (const each of entries) redactor.json(JSON.parse(each));
      }),
    ];
  },
};

function codeOf(chars: number): string {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
  const text = files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(path.join(source, file), 'utf8'))
    .join('\n');
  return text.repeat(Math.ceil(chars / text.length)).slice(0, chars);
}
