/** A package index on this machine, with tiny packages and, if wanted, the pip of the test environment. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { testPython } from './python.ts';

export interface PackageIndex {
  /** For `PIP_INDEX_URL`. */
  readonly url: string;
  readonly folder: string;
  /** Paths that were asked for. */
  readonly requests: readonly string[];
  /** From now on files do not have the hash that the index names. */
  spoil(): void;
  close(): Promise<void>;
}

const MAKE = `
import sys, zipfile, pathlib, importlib.metadata, hashlib, base64
folder = pathlib.Path(sys.argv[1])
def wheel(name, requires):
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as file:
        info = f"{name}-1.0.dist-info"
        content = {f"{name}.py": "value = 1\\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n" + "".join(f"Requires-Dist: {r}\\n" for r in requires),
            f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
        for path, text in content.items(): file.writestr(path, text)
        file.writestr(f"{info}/RECORD", "".join(f"{path},,\\n" for path in content) + f"{info}/RECORD,,\\n")
wheel("gbfirst", ["gbsecond"])
wheel("gbsecond", [])
pip = importlib.metadata.distribution("pip")
with zipfile.ZipFile(folder / f"pip-{pip.version}-py3-none-any.whl", "w") as file:
    for entry in pip.files:
        if not str(entry).startswith("..") and not str(entry).endswith(".pyc"):
            file.write(entry.locate(), str(entry))
`;

/** The packages `gbfirst`, which needs `gbsecond`, and `pip`. */
export async function startPackageIndex(folder: string): Promise<PackageIndex> {
  await mkdir(folder, { recursive: true });
  const made = spawnSync(testPython(), ['-c', MAKE, folder], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  const files = await readdir(folder);
  const requests: string[] = [];
  let isSpoilt = false;
  const answer = async (url: string): Promise<string | Buffer | undefined> => {
    const [, kind, name = ''] = url.split('/');
    if (kind === 'files') return readFile(path.join(folder, name));
    const own = files.filter((file) => file.startsWith(`${name}-`));
    if (kind !== 'simple' || own.length === 0) return undefined;
    const links = own.map(async (file) => {
      const content = await readFile(path.join(folder, file));
      const digest = createHash('sha256')
        .update(content)
        .update(isSpoilt ? 'x' : '')
        .digest('hex');
      return `<a href="/files/${file}#sha256=${digest}" data-requires-python="&gt;=3.7">${file}</a>`;
    });
    return `<!doctype html><html><body>${(await Promise.all(links)).join('\n')}</body></html>`;
  };
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    void answer(request.url ?? '').then((body) => {
      response.writeHead(body === undefined ? 404 : 200, {
        'content-type': typeof body === 'string' ? 'text/html' : 'application/octet-stream',
      });
      return response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/simple`,
    folder,
    requests,
    spoil: () => {
      isSpoilt = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
