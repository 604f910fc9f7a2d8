/** Asks the Hugging Face Hub what a repository holds at one commit, and whether the user may have it. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { httpRequest } from '#platform/http.ts';

const LIMIT_MS = 30_000;

/** The fields that are used, https://huggingface.co/docs/hub/api */
const modelInfo = z.object({
  sha: z.string(),
  gated: z.union([z.boolean(), z.string()]).optional(),
  siblings: z
    .array(
      z.object({
        rfilename: z.string(),
        size: z.number().optional(),
        blobId: z.string().optional(),
        lfs: z.object({ sha256: z.string(), size: z.number() }).nullish(),
      }),
    )
    .default([]),
  safetensors: z.object({ parameters: z.record(z.string(), z.number()).default({}) }).nullish(),
});

export interface HubFile {
  readonly name: string;
  readonly size: number;
  /** Of large files. */
  readonly sha256?: string;
  /** Of small ones: the id of the git blob. */
  readonly blob?: string;
}

export interface HubModel {
  readonly commit: string;
  readonly files: readonly HubFile[];
  /** Number of parameters by the type they are stored in; empty when the Hub does not know. */
  readonly parameters: Readonly<Record<string, number>>;
}

export interface HubAccess {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token?: string | undefined;
}

/**
 * @param label what to call it in texts: its id, or a variable when nobody may know the id.
 * @throws `remote/not-found`, `remote/gated` (access or a token is missing), `http/failed`, `timeout`, `remote/failed`.
 */
export async function readModel(
  {
    id,
    revision,
    label,
  }: { readonly id: string; readonly revision: string; readonly label: string },
  access: HubAccess,
  signal: AbortSignal,
): Promise<HubModel> {
  const place = `${access.url}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const { status, text } = await get(place, access, signal);
  if (status !== 200) throw refusal(status, label, revision, access);
  const parsed = modelInfo.safeParse(parseJson(text));
  if (!parsed.success)
    throw new GloveboxError('remote/failed', `The Hub's answer about ${label} cannot be read.`);
  const { sha, gated, siblings, safetensors } = parsed.data;
  const files = siblings.map(({ rfilename: name, size, blobId, lfs }) => ({
    name,
    size: lfs?.size ?? size ?? 0,
    ...(lfs == null ? blobId !== undefined && { blob: blobId } : { sha256: lfs.sha256 }),
  }));
  const [first] = files;
  if (gated !== undefined && gated !== false && first !== undefined)
    await checkAccess(`${access.url}/${id}/resolve/${sha}/${first.name}`, label, access, signal);
  return { commit: sha, files, parameters: safetensors?.parameters ?? {} };
}

/** What is gated is listed to everybody; only asking for a file shows who may have it. */
async function checkAccess(
  place: string,
  label: string,
  access: HubAccess,
  signal: AbortSignal,
): Promise<void> {
  const { status } = await get(place, access, signal, 'HEAD');
  if (status === 401 || status === 403) throw refusal(status, label, 'main', access);
}

function get(place: string, { token }: HubAccess, signal: AbortSignal, method = 'GET') {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return httpRequest({ method, url: place, headers, timeoutMs: LIMIT_MS, signal });
}

function refusal(
  status: number,
  label: string,
  revision: string,
  { token }: HubAccess,
): GloveboxError {
  if (status === 404)
    return new GloveboxError(
      'remote/not-found',
      `The Hub has no ${label} at revision ${revision}.`,
    );
  if (status === 401 || status === 403) {
    return new GloveboxError(
      'remote/gated',
      `The Hub does not give ${label} to ${token === undefined ? 'people without a token' : 'this token'}.`,
      {
        hint:
          token === undefined
            ? 'Set HF_TOKEN and put {"env":"HF_TOKEN"} into secrets; ask for access on the page of the model.'
            : 'Ask for access on the page of the model at huggingface.co, with the account of HF_TOKEN.',
      },
    );
  }
  return new GloveboxError('remote/failed', `The Hub answers ${status} about ${label}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
