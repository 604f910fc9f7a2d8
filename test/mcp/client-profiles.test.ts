/** P1 to P6 as each known client meets them: its handshake, its limits, what it can show, and how it ends the server. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { isRecord } from '#core/json.ts';
import { tools } from '#tools/index.ts';
import { unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { CLIENT_PROFILES, type ClientProfile } from '../rigs/client-profiles.ts';

/** Some model APIs take no longer name of a function. */
const MAX_NAME_CHARS = 64;
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Printed text beyond every budget, in one line and in many, and a picture. */
const NOTEBOOK = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: [
    {
      id: 'figure',
      cell_type: 'code',
      source: 'plot()',
      metadata: {},
      execution_count: 1,
      outputs: [
        { output_type: 'stream', name: 'stdout', text: `${'x'.repeat(200_000)}\n` },
        { output_type: 'stream', name: 'stderr', text: 'a line\n'.repeat(20_000) },
        { output_type: 'display_data', metadata: {}, data: { 'image/png': PIXEL } },
      ],
    },
  ],
};

type Message = Readonly<Record<string, unknown>>;

/** The wire as the client of that profile uses it; nothing of an SDK is in between. */
class RawClient {
  readonly #child: ChildProcess;
  readonly #profile: ClientProfile;
  readonly #project: string;
  readonly #answers = new Map<number, Message>();
  /** What the server asked by itself. */
  readonly asked: string[] = [];
  #lastId = 0;

  constructor(bundle: Bundle, profile: ClientProfile) {
    this.#profile = profile;
    this.#project = realpathSync(bundle.project);
    this.#child = spawn(process.execPath, [bundle.file('mcp.mjs')], {
      cwd: this.#project,
      env: { PATH: process.env['PATH'], HOME: bundle.home },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    if (this.#child.stdout === null) throw new Error('no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  #take(line: string): void {
    const message: unknown = JSON.parse(line);
    if (!isRecord(message)) throw new Error(`no message: ${line}`);
    const { id, method } = message;
    if (typeof method === 'string' && id !== undefined) {
      this.asked.push(method);
      const roots = [{ uri: pathToFileURL(this.#project).href, name: 'project' }];
      this.#write({ id, result: method === 'roots/list' ? { roots } : {} });
    } else if (typeof id === 'number') {
      this.#answers.set(id, message);
      this.#child.emit('answer');
    }
  }

  #write(message: Message): void {
    this.#child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  async request(method: string, params: Message = {}): Promise<Message> {
    const { opening, protocolVersion, capabilities, client } = this.#profile;
    const key = 'io.modelcontextprotocol';
    const envelope = {
      [`${key}/protocolVersion`]: protocolVersion,
      [`${key}/clientInfo`]: { name: client, version: '0' },
      [`${key}/clientCapabilities`]: capabilities,
    };
    const id = (this.#lastId += 1);
    const whole = opening === 'discover' ? { ...params, _meta: envelope } : params;
    this.#write({ id, method, params: whole });
    for (;;) {
      const answer = this.#answers.get(id);
      if (answer !== undefined) {
        expect(answer['error'], method).toBeUndefined();
        return z.looseObject({ result: z.looseObject({}) }).parse(answer).result;
      }
      await once(this.#child, 'answer');
    }
  }

  /** The versions that the server agrees to. */
  async open(): Promise<readonly unknown[]> {
    const { opening, protocolVersion, capabilities, client } = this.#profile;
    if (opening === 'discover') {
      const { supportedVersions } = await this.request('server/discover');
      return z.array(z.unknown()).parse(supportedVersions);
    }
    const clientInfo = { name: client, version: '0' };
    const result = await this.request('initialize', { protocolVersion, capabilities, clientInfo });
    this.#write({ method: 'notifications/initialized' });
    return [result['protocolVersion']];
  }

  async end(): Promise<number | null> {
    const { endsBy } = this.#profile;
    const exit = once(this.#child, 'exit');
    if (endsBy === 'end of input') this.#child.stdin?.end();
    else this.#child.kill(endsBy);
    await exit;
    return this.#child.exitCode;
  }
}

const resultSchema = z.looseObject({
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })),
  isError: z.boolean().optional(),
});

describe.each(CLIENT_PROFILES)('$client', (profile) => {
  it('gets tools it can use, text and a picture it can show, and an orderly end', async () => {
    const bundle = unpackBundle();
    writeFileSync(path.join(bundle.project, 'figure.ipynb'), JSON.stringify(NOTEBOOK));
    const client = new RawClient(bundle, profile);
    expect(await client.open()).toContain(profile.protocolVersion);

    const listed = z
      .array(z.looseObject({ name: z.string(), inputSchema: z.looseObject({ type: z.string() }) }))
      .parse((await client.request('tools/list'))['tools']);
    expect(listed.map(({ name }) => name)).toEqual(tools.map(({ name }) => name));
    const names = listed.map(({ name }) => profile.nameOf(name));
    expect(names.filter((name) => name.length > MAX_NAME_CHARS)).toEqual([]);
    for (const { inputSchema, ...tool } of listed) {
      // A choice at the root is flattened by one client and emptied by another; an output schema hides text and pictures.
      expect(inputSchema.type).toBe('object');
      for (const key of ['oneOf', 'anyOf', 'allOf', '$ref'])
        expect(inputSchema).not.toHaveProperty(key);
      expect(tool).not.toHaveProperty('outputSchema');
    }

    const call = async (name: string, input: Message) =>
      resultSchema.parse(await client.request('tools/call', { name, arguments: input }));
    const shown = await call('read_notebook', { notebook_path: 'figure.ipynb', cells: ['figure'] });
    expect(shown.content.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['text', 'image']),
    );
    expect(shown.content).toContainEqual(expect.objectContaining({ mimeType: 'image/png' }));
    expect(shown).not.toHaveProperty('structuredContent');
    const text = shown.content.map((block) => block.text ?? '').join('');
    expect(text).toContain('a line');
    expect(text.length).toBeLessThanOrEqual(profile.maxResultChars);

    const failed = await call('get_run', { run_id: 'r-none' });
    expect(failed).toMatchObject({ isError: true });
    expect(failed.content.map(({ type }) => type)).toEqual(['text']);
    expect(failed.content[0]?.text).toMatch(/^\[[a-z/-]+\] .*\nNext: /s);

    // Asked is only what the client said that it answers.
    const mayAsk = 'roots' in profile.capabilities && profile.opening === 'initialize';
    expect(client.asked).toEqual(mayAsk ? ['roots/list'] : []);
    expect(await client.end()).toBe(0);
  });
});
