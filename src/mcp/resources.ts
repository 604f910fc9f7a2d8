/** What can be read without a tool: the state of the server, and the whole output of a run. */
import { ResourceTemplate, type McpServer } from '@modelcontextprotocol/server';
import type { JsonObject } from '#core/json.ts';
import type { McpLog, Redact } from './contract.ts';
import { toProtocolError } from './render-error.ts';

const MODERN_REVISION = '2026-07-28';

export const STATUS_URI = 'glovebox://server/status';
export const runUri = (runId: string): string => `glovebox://runs/${runId}`;

/** Where the contents come from. */
export interface ResourceReaders {
  /** Never holds a token or an address with one. */
  readStatus(signal: AbortSignal): Promise<JsonObject>;
  /** The whole text output of a run. @throws GloveboxError `run/unknown`. */
  readRun(runId: string, signal: AbortSignal): Promise<string>;
}

/** Tells clients that listen to that address; to others nothing is sent. */
export type NotifyChanged = (uri: string) => void;

export function registerResources(
  server: McpServer,
  readers: ResourceReaders,
  log: McpLog,
  redact: Redact,
): NotifyChanged {
  const read = async <T>(uri: URL, content: Promise<T>): Promise<T> => {
    try {
      return await content;
    } catch (error) {
      throw toProtocolError(error, uri.href, log, redact);
    }
  };
  server.registerResource(
    'status',
    STATUS_URI,
    {
      title: 'Status of Glovebox',
      description: 'Sandboxes, sessions and runs: what is alive and what is not.',
      mimeType: 'application/json',
    },
    async (uri, { mcpReq }) => {
      const status = await read(uri, readers.readStatus(mcpReq.signal));
      const text = JSON.stringify(status, null, 2);
      return { contents: [{ uri: uri.href, mimeType: 'application/json', text }] };
    },
  );
  server.registerResource(
    'run',
    // Runs are many and short of interest: they are addressed by id, not listed.
    new ResourceTemplate('glovebox://runs/{run_id}', { list: undefined }),
    {
      title: 'Output of a run',
      description: 'The whole text output of one run, also what an answer had no room for.',
      mimeType: 'text/plain',
    },
    async (uri, { run_id: runId }, { mcpReq }) => {
      const text = await read(uri, readers.readRun(String(runId), mcpReq.signal));
      return { contents: [{ uri: uri.href, mimeType: 'text/plain', text }] };
    },
  );
  return serveSubscriptions(server, log);
}

/**
 * Clients of the older era subscribe with a request of their own, for which the SDK keeps no books; for newer ones the
 * stdio entry picks what each of them listens to.
 */
function serveSubscriptions(server: McpServer, log: McpLog): NotifyChanged {
  const subscribed = new Set<string>();
  const inner = server.server;
  inner.setRequestHandler('resources/subscribe', ({ params }) => {
    subscribed.add(params.uri);
    return {};
  });
  inner.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
  return (uri) => {
    if (!subscribed.has(uri) && inner.getNegotiatedProtocolVersion() !== MODERN_REVISION) return;
    inner.sendResourceUpdated({ uri }).catch((error: unknown) => {
      log.debug(`could not tell the client that ${uri} changed: ${String(error)}`);
    });
  };
}
