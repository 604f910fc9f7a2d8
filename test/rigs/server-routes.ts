/** Every route that one of our Jupyter servers registers, as a path that fits it: what a test without credentials calls. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import { jupyterConfig } from '#sandbox/jupyter-config.ts';
import { testPython } from './python.ts';

const LIST = `
import importlib.util, json, sys
try:
    from re import _parser as parser
except ImportError:
    import sre_parse as parser

def sample(tree):
    text = ""
    for kind, value in tree:
        name = str(kind)
        if name == "LITERAL": text += chr(value)
        elif name == "SUBPATTERN": text += sample(value[-1])
        elif name == "MAX_REPEAT": text += sample(value[2]) * max(1, value[0])
        elif name == "BRANCH": text += sample(value[1][0])
        elif name == "IN": text += sample(value[:1]) if str(value[0][0]) in ("LITERAL", "CATEGORY") else "1"
        elif name == "CATEGORY": text += "a"
        elif name in ("ANY", "NOT_LITERAL"): text += "x"
        elif name != "AT": raise SystemExit(f"cannot make a path from {kind}")
    return text

spec = importlib.util.spec_from_file_location("serve", sys.argv[1])
serve = importlib.util.module_from_spec(spec)
spec.loader.exec_module(serve)
app = serve.SandboxServerApp()
app.initialize(["--config=" + sys.argv[2]])

def patterns(router):
    for rule in router.rules:
        found = getattr(getattr(rule.matcher, "regex", None), "pattern", None)
        if found is not None: yield found
        yield from patterns(rule.target) if getattr(rule.target, "rules", None) else ()

routers = (app.web_app.default_router, app.web_app.wildcard_router)
print("ROUTES " + json.dumps(sorted({sample(parser.parse(found)) for router in routers for found in patterns(router)})))
`;

let known: readonly string[] | undefined;

/** With a slash at the beginning. Asked for once in a process. */
export function serverRoutes(): readonly string[] {
  if (known !== undefined) return known;
  const folder = mkdtempSync(path.join(tmpdir(), 'gb-routes-'));
  try {
    const config = jupyterConfig({
      listen: { ip: '127.0.0.1', port: 0 },
      token: 'nobody-knows',
      rootDir: folder,
      idleMs: 0,
      transport: 'ipc',
      allowRoot: true,
      labDir: folder,
      workspacesDir: folder,
      forwardPorts: [7860],
    });
    const file = path.join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(config));
    const serve = path.resolve(import.meta.dirname, '../../python/serve.py');
    const names = ['CONFIG', 'DATA', 'RUNTIME'].map((name) => [`JUPYTER_${name}_DIR`, folder]);
    const output = execFileSync(testPython(), ['-I', '-c', LIST, serve, file], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: folder, ...Object.fromEntries(names) },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const line = output.split('\n').find((text) => text.startsWith('ROUTES ')) ?? 'ROUTES []';
    known = z.array(z.string()).parse(JSON.parse(line.slice('ROUTES '.length)));
    return known;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
