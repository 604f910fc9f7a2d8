/** One fake sandbox: a folder of its own, real processes, real TLS tunnels, and a time limit that really ends it. */
import { randomUUID } from 'node:crypto';
import { cpSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { killMarked, MARK, markedProcesses, startReaper } from '../../rigs/reaper.mjs';
import { ConnectGate } from './connect-gate.mjs';
import { SandboxProcess } from './sandbox-process.mjs';

// Nothing listens on the port yet: a network would take about this long to say so. Closing in the same millisecond as the TLS
// handshake makes Node 20's fetch miss the close.
const REFUSAL_DELAY_MS = 20;

/** The values of Modal's GenericResult.status that the SDK tells apart. */
export const ResultStatus = { SUCCESS: 1, FAILURE: 2, TERMINATED: 3, TIMEOUT: 4 };

let reaper;

export class FakeSandbox {
  /** What ended the sandbox; undefined while it runs. */
  result;
  started = false;
  tunnels = [];
  /** Gates for connect tokens, by port. */
  gates = new Map();
  createdAt = Date.now() / 1000;
  root = mkdtempSync(path.join(tmpdir(), 'fake-modal-'));
  mark = randomUUID();
  #processes = [];
  #servers = [];
  #sockets = new Set();
  #waiters = [];
  #timer;

  /**
   * @param request the SandboxCreate(V2)Request as the SDK sent it
   * @param environment the variables of all its secrets, already resolved
   * @param baseEnvironment what every container of the fake has
   */
  constructor({ id, taskId, version, request, environment, baseEnvironment }) {
    Object.assign(this, { id, taskId, version, request, environment, baseEnvironment });
    this.tags = request.tags;
    this.name = request.definition.name ?? '';
    this.appId = request.appId;
    reaper ??= startReaper();
    reaper.watch(this.mark);
  }

  /** Puts in place what the image holds and the volumes: `{ mountPath, folder }`. */
  mount(imageFolder, volumes) {
    if (imageFolder !== undefined) cpSync(imageFolder, this.root, { recursive: true });
    for (const { mountPath, folder } of volumes) {
      const place = path.resolve(this.root, mountPath);
      if (!place.startsWith(`${this.root}/`))
        throw new Error(`a fake sandbox cannot mount ${mountPath}`);
      mkdirSync(path.dirname(place), { recursive: true });
      rmSync(place, { recursive: true, force: true });
      symlinkSync(folder, place);
    }
  }

  async start(certificate) {
    if (this.result) return; // terminated while it was queued
    const { openPorts, entrypointArgs, timeoutSecs } = this.request.definition;
    for (const port of openPorts?.ports ?? []) await this.#openTunnel(port, certificate);
    if (entrypointArgs.length > 0) {
      this.main = this.run(entrypointArgs);
      const never = new AbortController().signal;
      void this.main.ended(never).then(({ code }) =>
        this.#finish({
          status: code === 0 ? ResultStatus.SUCCESS : ResultStatus.FAILURE,
          exitcode: code ?? 137,
          exception: '',
        }),
      );
    }
    this.#timer = setTimeout(() => this.kill(ResultStatus.TIMEOUT), timeoutSecs * 1000);
    this.#timer.unref();
    this.started = true;
  }

  /** Starts a process in the sandbox's own folder. */
  run(argv, { cwd, environment } = {}) {
    const env = {
      HOME: this.root,
      ...this.baseEnvironment,
      ...this.environment,
      ...environment,
      [MARK]: this.mark,
    };
    const started = new SandboxProcess(argv, { cwd: path.resolve(this.root, cwd ?? '.'), env });
    this.#processes.push(started);
    return started;
  }

  kill(status) {
    this.#finish({ status, exitcode: 0, exception: '' });
  }

  /** Waits for the end at most `seconds`; 0 only looks. */
  async wait(seconds) {
    if (!this.result && seconds > 0) {
      await new Promise((resolve) => {
        this.#waiters.push(resolve);
        setTimeout(resolve, seconds * 1000).unref();
      });
    }
    return this.result;
  }

  /** The address of a port behind Modal's gate, and a new token for it. */
  async connect(port, certificate) {
    const gate = this.gates.get(port) ?? new ConnectGate(port, certificate);
    if (!this.gates.has(port)) {
      this.gates.set(port, gate);
      await gate.open();
    }
    return gate.admit();
  }

  /** A copy of the file system without what is mounted. */
  copyTo(folder) {
    cpSync(this.root, folder, {
      recursive: true,
      filter: (source) => {
        const kind = lstatSync(source);
        return kind.isDirectory() || kind.isFile();
      },
    });
  }

  processes() {
    return markedProcesses(this.mark);
  }

  async removeFiles() {
    const enough = AbortSignal.timeout(2000);
    await Promise.all(this.#processes.map((each) => each.ended(enough)));
    for (let tries = 0; tries < 50 && markedProcesses(this.mark).length > 0; tries += 1) {
      killMarked(this.mark);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    reaper.forget(this.mark);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #finish(result) {
    if (this.result) return;
    this.result = result;
    clearTimeout(this.#timer);
    for (const running of this.#processes) running.kill();
    killMarked(this.mark);
    for (const server of this.#servers) server.close();
    for (const gate of this.gates.values()) gate.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  // An encrypted port is a TLS listener with the test certificate, an unencrypted one plain TCP; both forward to the same port on
  // 127.0.0.1. Nagle's algorithm is off on both legs: with it, a small request and answer cost about 50 ms instead of 6.
  async #openTunnel({ port, unencrypted }, certificate) {
    const forward = (incoming) => {
      const target = net.connect({ port, host: '127.0.0.1', noDelay: true });
      this.#sockets.add(incoming).add(target);
      incoming.setNoDelay(true);
      target.pipe(incoming).pipe(target);
      target.on('error', () => setTimeout(() => incoming.destroy(), REFUSAL_DELAY_MS));
      incoming.on('error', () => target.destroy());
      incoming.on('close', () => target.destroy());
    };
    const server = unencrypted ? net.createServer(forward) : tls.createServer(certificate, forward);
    server.on('tlsClientError', () => {}); // a client that goes away in its handshake
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    this.#servers.push(server);
    const publicPort = server.address().port;
    this.tunnels.push({
      containerPort: port,
      host: 'localhost',
      port: publicPort,
      ...(unencrypted ? { unencryptedHost: '127.0.0.1', unencryptedPort: publicPort } : {}),
    });
  }
}
