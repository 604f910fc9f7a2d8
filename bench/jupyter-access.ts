/** The Jupyter server of a lab's sandbox, as somebody without Glovebox would use it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { Endpoint } from '#core/endpoint.ts';
import type { Lab } from './lab.ts';

export interface JupyterAccess {
  readonly endpoint: Endpoint;
  /** `POST /api/kernels`; resolves while the kernel is still starting. */
  startKernel(): Promise<string>;
  deleteKernel(id: string): Promise<void>;
  /** Of a kernel of this server: where its own sockets are. */
  connectionFile(kernelId: string): string;
}

const serverRecord = z.object({ port: z.number(), runtimeDir: z.string() });
const kernelAnswer = z.object({ id: z.string() });

export async function accessJupyter(lab: Lab, sandboxId: string): Promise<JupyterAccess> {
  const folder = path.join(lab.dir, 'sandboxes', sandboxId);
  const token = await readFile(path.join(folder, 'token'), 'utf8');
  const { port, runtimeDir } = serverRecord.parse(
    JSON.parse(await readFile(path.join(folder, 'server.json'), 'utf8')),
  );
  const headers = { Authorization: `token ${token}` };
  const baseUrl = `http://127.0.0.1:${port}/`;
  const request = async (method: string, route: string, body?: string): Promise<string> => {
    const answer = await fetch(`${baseUrl}${route}`, {
      method,
      headers: { ...headers, 'content-type': 'application/json' },
      ...(body !== undefined && { body }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${text}`);
    return text;
  };
  return {
    endpoint: { baseUrl, headers },
    async startKernel() {
      const text = await request('POST', 'api/kernels', JSON.stringify({ name: 'python3' }));
      return kernelAnswer.parse(JSON.parse(text)).id;
    },
    async deleteKernel(id) {
      await request('DELETE', `api/kernels/${id}`);
    },
    connectionFile: (id) => path.join(runtimeDir, `kernel-${id}.json`),
  };
}
