/** The lowest floor: the kernel's own ZeroMQ sockets, without a Jupyter server. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Dealer, Subscriber } from 'zeromq';
import * as z from 'zod';
import { BareRequests, executeContent, type BareKernel } from './bare-kernel.ts';

const connection = z.object({
  transport: z.enum(['tcp', 'ipc']),
  ip: z.string(),
  shell_port: z.number(),
  iopub_port: z.number(),
  key: z.string(),
});

/** Until the subscription has reached the kernel, what it publishes is not heard, so the first question is repeated. */
const ASK_AGAIN_MS = 200;
const DELIMITER = '<IDS|MSG>';

/** Resolves when the kernel answers on both sockets. */
export async function openZeromqKernel(connectionFile: string): Promise<BareKernel> {
  const kernel = connection.parse(JSON.parse(await readFile(connectionFile, 'utf8')));
  const shell = new Dealer();
  const iopub = new Subscriber();
  const address = (port: number): string =>
    `${kernel.transport}://${kernel.ip}${kernel.transport === 'ipc' ? '-' : ':'}${port}`;
  shell.connect(address(kernel.shell_port));
  iopub.connect(address(kernel.iopub_port));
  iopub.subscribe();
  const requests = new BareRequests();
  const listening = [shell, iopub].map(async (socket) => {
    for await (const frames of socket) {
      const at = frames.findIndex((frame) => frame.toString('latin1') === DELIMITER);
      const [, , header, parent, , content] = frames.slice(at);
      requests.take(parseJson(header), parseJson(parent), () => parseJson(content));
    }
  });
  const ask = async (type: string, content: object) => {
    const header = requests.newHeader(type);
    const done = requests.done(header.msg_id);
    const parts = [JSON.stringify(header), '{}', '{}', JSON.stringify(content)];
    const signature = createHmac('sha256', kernel.key).update(parts.join('')).digest('hex');
    await shell.send([DELIMITER, signature, ...parts]);
    return done;
  };
  for (let hasAnswered = false; !hasAnswered;) {
    const answer = ask('kernel_info_request', {}).then(() => true);
    hasAnswered = await Promise.race([answer, delay(ASK_AGAIN_MS, false)]);
  }
  return {
    execute: (code) => ask('execute_request', executeContent(code)),
    async close() {
      shell.close();
      iopub.close();
      await Promise.all(listening);
    },
  };
}

function parseJson(part: Buffer | undefined): unknown {
  return JSON.parse(part?.toString('utf8') ?? '{}');
}
