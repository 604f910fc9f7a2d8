/** Serves an archive with the layout of code-server's and a small program in it, which wants its password as the real one does. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { CodeServerArchives } from '#sandbox/backends/modal/code-server.ts';
import { packTar } from '#sandbox/tar.ts';

/** Knows no more of the configuration than we use, and ends with it. */
const PROGRAM = `#!/usr/bin/env python3
import hashlib, http.server, json, os, sys, threading, time, urllib.parse
flag, place, workspace = sys.argv[1:]
config = json.load(open(place))
expected = ["bind-addr", "auth", "password", "trusted-origins", "disable-telemetry", "disable-update-check", "user-data-dir", "extensions-dir"]
if flag != "--config" or list(config) != expected or config["auth"] != "password":
    sys.exit(f"unexpected: {sys.argv[1:]} {list(config)}")
cookie = "code-server-session=" + hashlib.sha256(config["password"].encode()).hexdigest()
class Handler(http.server.BaseHTTPRequestHandler):
    def say(self, code, text="", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def do_GET(self):
        if self.path == "/healthz":
            self.say(200, "{}")
        elif cookie in self.headers.get("Cookie", ""):
            self.say(200, json.dumps({"pid": os.getpid(), "workspace": workspace}), Set_Cookie=cookie)
        else:
            self.say(302, Location="./login")
    def do_POST(self):
        given = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path == "/login" and given == {"password": [config["password"]]}:
            self.say(302, Set_Cookie=cookie + "; Path=/; SameSite=Lax", Location="./")
        else:
            self.say(200, "wrong password")
    def log_message(self, *_):
        pass
host, port = config["bind-addr"].split(":")
server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
until = time.monotonic() + 120
while os.path.exists(place) and time.monotonic() < until:
    time.sleep(0.1)
`;

export interface ServedArchive {
  readonly archives: CodeServerArchives;
  close(): void;
}

export async function serveCodeServer(): Promise<ServedArchive> {
  const name = 'code-server-1-linux/bin/code-server';
  const archive = gzipSync(packTar([{ name, content: Buffer.from(PROGRAM), isExecutable: true }]));
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const server = createServer((_, answer) => answer.end(archive));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const one = { url: `http://127.0.0.1:${port}/code-server.tar.gz`, sha256 };
  return { archives: { x86_64: one, aarch64: one, arm64: one }, close: () => server.close() };
}
