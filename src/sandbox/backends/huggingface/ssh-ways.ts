/** The ways by SSH into Jobs that open no port: a port of this machine for each, as long as this process lives. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { RelayListener } from '#platform/relay-socket.ts';
import { listenThroughSsh } from '#platform/ssh-listener.ts';
import type { HubJob } from './hub-jobs.ts';
import type { HuggingfaceContext } from './settings.ts';

const isLoopback = (host: string): boolean => host === 'localhost' || /^127(\.\d+){3}$/.test(host);

export class SshWays {
  readonly #context: HuggingfaceContext;
  readonly #ways = new Map<string, Promise<RelayListener>>();

  constructor(context: HuggingfaceContext) {
    this.#context = context;
  }

  /**
   * The port of this machine that leads to `port` of the Job's own loopback. Opens it once; from then on it heals by itself.
   *
   * @throws `server/unreachable` as long as SSH does not get there; `host/login-needed` where only a person can change that.
   */
  async port(
    job: HubJob & { readonly sshUrl: string },
    port: number,
    signal?: AbortSignal,
  ): Promise<number> {
    const key = `${job.sshUrl} ${port}`;
    const way = this.#ways.get(key) ?? this.#open(job.sshUrl, port, signal);
    this.#ways.set(key, way);
    try {
      return (await way).port;
    } catch (error) {
      this.#ways.delete(key);
      throw this.#translate(error);
    }
  }

  close(): void {
    for (const way of this.#ways.values())
      void way.then((opened) => opened.close()).catch(() => undefined);
    this.#ways.clear();
  }

  #open(sshUrl: string, port: number, signal: AbortSignal | undefined): Promise<RelayListener> {
    const { ssh, log } = this.#context;
    const onFailure = (reason: string): void => log.info(`The way by SSH into a Job: ${reason}`);
    const settings = ssh(this.#destination(sshUrl));
    return listenThroughSsh(settings, { host: '127.0.0.1', port }, onFailure, signal);
  }

  /** Nobody logs in anywhere but where Jobs are; with a Hub on this machine, also on this machine. */
  #destination(text: string): string {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const hub = new URL(this.#context.settings().hubUrl);
    const isPlain =
      url?.protocol === 'ssh:' &&
      /^[\w.-]+$/.test(url.username) &&
      url.password === '' &&
      ['', '/'].includes(url.pathname) &&
      url.search === '';
    const isOfJobs = url !== undefined && url.hostname.endsWith('.hf.jobs');
    const isOfTest = url !== undefined && isLoopback(url.hostname) && isLoopback(hub.hostname);
    if (url !== undefined && isPlain && (isOfJobs || isOfTest))
      return `ssh://${url.username}@${url.host}`;
    throw new GloveboxError(
      'http/refused',
      'The Hub names an SSH address of the Job that is not below hf.jobs: nobody logged in there.',
    );
  }

  #translate(error: unknown): unknown {
    if (isGloveboxError(error, 'host/unreachable'))
      return new GloveboxError('server/unreachable', error.message, { cause: error });
    if (!isGloveboxError(error, 'host/login-needed')) return error;
    const { hubUrl } = this.#context.settings();
    return new GloveboxError('host/login-needed', error.message, {
      hint: `The Hub has to know your public key (${hubUrl}/settings/keys), ssh has to find it without a passphrase, and a person accepts the host key once in a terminal: ssh ssh.hf.jobs. Or leave out ssh.`,
      cause: error,
    });
  }
}
