/** Prints the outputs of a run as they grow, the way the code itself would have printed them. */
import { stripVTControlCharacters } from 'node:util';
import type { CliStream, RunOutput } from './host.ts';

export interface OutputPrinterOptions {
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  /** Keeps an image and answers its path. */
  saveImage(base64: string, mimeType: string): Promise<string>;
}

const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/svg+xml'];

export class OutputPrinter {
  readonly #options: OutputPrinterOptions;
  /** How many outputs are printed whole. */
  #done = 0;
  /** What is printed of the stream after those. */
  #printed = '';

  constructor(options: OutputPrinterOptions) {
    this.#options = options;
  }

  /** Prints what is new. While the run goes on, the last line of a stream is held back: it may still be rewritten. */
  async update(outputs: readonly RunOutput[], isFinal: boolean): Promise<void> {
    if (outputs.length < this.#done) this.#done = outputs.length;
    for (const [index, output] of outputs.entries()) {
      if (index < this.#done) continue;
      const isOpen = !isFinal && index === outputs.length - 1;
      if (output.output_type === 'stream') this.#printStream(output.name, output.text, isOpen);
      else await this.#printOther(output);
      if (isOpen && output.output_type === 'stream') return;
      this.#done = index + 1;
      this.#printed = '';
    }
  }

  /** Prints one output after all that `update` has printed, a stream as it is. */
  async print(output: RunOutput): Promise<void> {
    if (output.output_type === 'stream') this.#options[output.name].write(output.text);
    else await this.#printOther(output);
  }

  #printStream(name: 'stdout' | 'stderr', text: string, isOpen: boolean): void {
    const end = isOpen ? text.lastIndexOf('\n') + 1 : text.length;
    const from = commonLines(this.#printed, text);
    if (end <= from) return;
    this.#options[name].write(text.slice(from, end));
    this.#printed = text.slice(0, end);
  }

  async #printOther(output: Exclude<RunOutput, { output_type: 'stream' }>): Promise<void> {
    const { stdout, stderr } = this.#options;
    if (output.output_type === 'error') {
      const text = output.traceback.join('\n') || `${output.ename}: ${output.evalue}`;
      stderr.write(`${stderr.isTTY ? text : stripVTControlCharacters(text)}\n`);
      return;
    }
    const image = IMAGE_TYPES.find((type) => typeof output.data[type] === 'string');
    const data = image === undefined ? undefined : output.data[image];
    const text = output.data['text/plain'];
    if (image !== undefined && typeof data === 'string') {
      const content = image === 'image/svg+xml' ? Buffer.from(data).toString('base64') : data;
      stdout.write(`[image: ${await this.#options.saveImage(content, image)}]\n`);
    } else if (typeof text === 'string') stdout.write(`${text}\n`);
  }
}

/** How many characters at the start are the same in both, counted to the end of a line. */
function commonLines(printed: string, text: string): number {
  if (text.startsWith(printed)) return printed.length;
  let same = 0;
  while (same < printed.length && printed[same] === text[same]) same += 1;
  return text.lastIndexOf('\n', same - 1) + 1;
}
