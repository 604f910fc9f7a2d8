/** How a person's browser and a program come into a sandbox: private pages that sign in, and ports inside. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Endpoint, EndpointSource } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { startBrowserView, type BrowserView } from '#platform/browser-view.ts';
import type { Clock } from '#platform/clock.ts';
import { labPath, signInUrl, writeBrowserPage } from './browser-page.ts';
import { forwardedPortsOf } from './common-options.ts';
import { portPath } from './jupyter-config.ts';
import { sandboxFolder } from './records.ts';

/** A page for a browser of this machine. */
export interface BrowserPage {
  readonly page: string;
  /** Where the server's gates want what no browser can send: the way there, which lasts until it is closed, and no longer than this process. */
  readonly view?: BrowserView;
}

export interface WaysInOptions {
  /** Glovebox's own folder. */
  readonly dir: string;
  readonly clock: Clock;
  readonly endpointSource: (id: string) => EndpointSource;
  readonly optionsOf: (id: string) => Promise<JsonObject>;
}

/** All of it fails as `EndpointSource` does. */
export class WaysIn {
  readonly #options: WaysInOptions;

  constructor(options: WaysInOptions) {
    this.#options = options;
  }

  /**
   * Writes the private page that opens a notebook in JupyterLab in a browser. Only the page holds the token. `notebookPath` is
   * relative to the server's root; empty for JupyterLab itself.
   */
  openPage(id: string, notebookPath: string, signal: AbortSignal): Promise<BrowserPage> {
    return this.#page(id, labPath(notebookPath), signal);
  }

  /** As `openPage`, for a port inside. @throws `config/invalid` for one that the sandbox was not started with. */
  async openPort(id: string, port: number, signal: AbortSignal): Promise<BrowserPage> {
    await this.#refusePort(id, port);
    return this.#page(id, portPath(port), signal);
  }

  /** Where a port inside is reached, with what has to be sent there: it holds secrets. @throws as `openPort`. */
  async portEndpoint(id: string, port: number, signal: AbortSignal): Promise<Endpoint> {
    await this.#refusePort(id, port);
    const { baseUrl, headers } = await this.#options.endpointSource(id)(signal);
    return { baseUrl: new URL(portPath(port), baseUrl).href, headers };
  }

  /** Removes the pages of a sandbox that is gone. */
  async forget(id: string): Promise<void> {
    await rm(this.#folder(id), { recursive: true, force: true });
  }

  async #page(id: string, place: string, signal: AbortSignal): Promise<BrowserPage> {
    const { endpointSource, clock } = this.#options;
    const endpoint = endpointSource(id);
    const folder = this.#folder(id);
    const url = signInUrl(await endpoint(signal), place);
    if (url !== undefined) return { page: await writeBrowserPage(folder, url, place) };
    const view = await startBrowserView({ endpoint, path: place, clock }, signal);
    return { page: await writeBrowserPage(folder, view.url, place), view };
  }

  async #refusePort(id: string, port: number): Promise<void> {
    if (forwardedPortsOf(await this.#options.optionsOf(id)).includes(port)) return;
    throw new GloveboxError(
      'config/invalid',
      `Sandbox ${id} was not started with port ${port}, so nothing leads there.`,
      { hint: `Start a sandbox with the option ports: [${port}].` },
    );
  }

  #folder(id: string): string {
    return path.join(sandboxFolder(this.#options.dir, id), 'pages');
  }
}
