/** The part of the Hugging Face Hub that models need: what a repository holds, and its files, in ranges, with redirects and cut connections. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface HubRepository {
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** Only these tokens get files. */
  readonly gatedTo?: readonly string[];
  readonly parameters?: Readonly<Record<string, number>>;
}

export interface ModelHub {
  readonly url: string;
  readonly requests: readonly { readonly path: string; readonly authorization: string }[];
  readonly repositories: Map<string, HubRepository>;
  /** Ends the next answers with a file in the middle. */
  cutNext(count: number): void;
  close(): Promise<void>;
}

/** Files above this are told with their SHA-256, as the Hub does for those in its large storage. */
const LARGE_BYTES = 1024;

export const commitOf = (repository: string): string =>
  createHash('sha1').update(repository).digest('hex');

/** A request for anything it does not know is answered with 500, so that it shows. */
export async function startModelHub(
  content: Readonly<Record<string, HubRepository>>,
): Promise<ModelHub> {
  const repositories = new Map(Object.entries(content));
  const requests: { path: string; authorization: string }[] = [];
  let cuts = 0;

  const info = (id: string, repository: HubRepository) => ({
    sha: commitOf(id),
    gated: repository.gatedTo === undefined ? false : 'manual',
    siblings: Object.entries(repository.files).map(([rfilename, text]) => {
      const bytes = Buffer.from(text);
      const size = bytes.length;
      if (size <= LARGE_BYTES) return { rfilename, size, blobId: blobOf(bytes) };
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { rfilename, size, blobId: 'of the pointer', lfs: { sha256, size } };
    }),
    ...(repository.parameters !== undefined && {
      safetensors: { parameters: repository.parameters },
    }),
  });

  const sendFile = (bytes: Buffer, request: IncomingMessage, response: ServerResponse): void => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length });
    if (cuts > 0 && rest.length > 10 && request.method === 'GET') {
      cuts -= 1;
      response.write(rest.subarray(0, Math.floor(rest.length / 2)), () => response.destroy());
    } else response.end(request.method === 'HEAD' ? undefined : rest);
  };

  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://hub').pathname);
    const { authorization = '' } = request.headers;
    requests.push({ path, authorization });
    const asked = /^\/api\/models\/(.+)\/revision\/([^/]+)$/.exec(path);
    const file = /^\/(storage\/)?(.+)\/resolve\/([0-9a-f]{40})\/(.+)$/.exec(path);
    const id = asked?.[1] ?? file?.[2] ?? '';
    const repository = repositories.get(id);
    if (asked === null && file === null) return response.writeHead(500).end();
    if (repository === undefined) return response.writeHead(404).end();
    if (asked !== null) return response.end(JSON.stringify(info(id, repository)));
    const [, isStorage, , , name = ''] = file ?? [];
    const isAllowed =
      isStorage !== undefined ||
      repository.gatedTo === undefined ||
      repository.gatedTo.includes(authorization.replace('Bearer ', ''));
    if (!isAllowed) return response.writeHead(403).end();
    const bytes = Buffer.from(repository.files[name] ?? '');
    if (bytes.length > LARGE_BYTES && isStorage === undefined) {
      // The real one redirects to a storage under another name, which must not see the token.
      const { port } = addressOf(server);
      return response.writeHead(302, { location: `http://localhost:${port}/storage${path}` }).end();
    }
    sendFile(bytes, request, response);
    return undefined;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${addressOf(server).port}`,
    requests,
    repositories,
    cutNext: (count) => {
      cuts = count;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const blobOf = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

function addressOf(server: ReturnType<typeof createServer>): { port: number } {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address;
}
