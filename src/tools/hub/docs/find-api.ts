/** Endpoints of the Hub by relevance, each with everything that is needed to call it. */
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { renderDuration } from '#core/units.ts';
import type { HubContext } from '#hub/context.ts';
import { getApiDescription, type ApiEndpoint, type ApiParameter } from '#hub/docs/openapi.ts';
import { encodeCursor, offsetOf, oneLine, renderList, shorten } from '../../paged-answer.ts';
import type { Notes } from '../../wide-input.ts';
import type { FindApiInput } from '../find-hf-api.ts';

const DESCRIPTION_CHARS = 300;
const MAX_PARAMETERS = 15;

export interface FindApiCall {
  readonly hub: HubContext;
  readonly signal: AbortSignal;
  readonly input: FindApiInput;
  readonly limit: number;
  readonly budget: number;
  readonly notes: Notes;
}

export async function findApi({
  hub,
  signal,
  input,
  limit,
  budget,
  notes,
}: FindApiCall): Promise<string> {
  const { endpoints, tags, staleMs } = await getApiDescription(hub, signal);
  const { query, tag, method } = input;
  if (query === undefined && tag === undefined)
    throw new GloveboxError('input/invalid', 'find_hf_api needs query or tag.', {
      hint: `tags: ${tags.join(', ')}.`,
    });
  if (staleMs !== undefined)
    notes.push(`the Hub does not answer; this is a copy from ${renderDuration(staleMs)} ago.`);
  const tagged = tag === undefined ? endpoints : endpoints.filter((each) => hasTag(each, tag));
  if (tag !== undefined && tagged.length === 0)
    throw new GloveboxError('input/invalid', `There is no tag "${tag}".${didYouMean(tag, tags)}`, {
      hint: `tags: ${tags.join(', ')}.`,
    });
  const candidates = tagged.filter((each) => method === undefined || each.method === method);
  const ranked = query === undefined ? candidates : await rank(candidates, query);
  const isListing = ranked.length === 0 && tag !== undefined;
  if (isListing)
    notes.push(`nothing under the tag "${tag}" fits "${query}"; these are its endpoints.`);
  const found = isListing ? candidates : ranked;
  const kind = JSON.stringify(['api', query, tag, method]);
  const offset = offsetOf(kind, input.cursor);
  const shown = found.slice(offset, offset + limit);
  return renderList(
    {
      head: [
        `# Endpoints of the Hub${query === undefined ? '' : ` for "${query}"`}${tag === undefined ? '' : `, tag ${tag}`}`,
      ],
      items: shown.map((endpoint, at) =>
        renderEndpoint(endpoint, offset + at + 1, hub.hosts().hub),
      ),
      offset,
      total: found.length,
      hasMore: offset + shown.length < found.length,
      cursorAfter: (count) => encodeCursor(kind, [offset + count]),
      noun: 'endpoints',
      ...(found.length === 0 && { next: `use other words, or a tag: ${tags.join(', ')}.` }),
      notes,
    },
    budget,
  );
}

const hasTag = ({ tags }: ApiEndpoint, tag: string): boolean =>
  tags.some((each) => each.toLowerCase() === tag.toLowerCase());

async function rank(
  endpoints: readonly ApiEndpoint[],
  query: string,
): Promise<readonly ApiEndpoint[]> {
  const { rankTexts } = await import('#hub/rank-texts.ts');
  const documents = endpoints.map(
    ({ summary, operationId, path, tags, description, parameters }) => ({
      summary,
      operationId: `${operationId} ${path}`,
      tags: tags.join(' '),
      description,
      parameters: parameters.map(({ name }) => name).join(' '),
    }),
  );
  const weights = { summary: 3, operationId: 2, tags: 1.5, description: 1, parameters: 1 };
  return rankTexts(documents, weights, query).flatMap((at) => endpoints.slice(at, at + 1));
}

function renderEndpoint(endpoint: ApiEndpoint, index: number, base: string): string {
  const { method, path, summary, description, tags, parameters, responses } = endpoint;
  const listed = parameters.slice(0, MAX_PARAMETERS);
  const left = parameters.length - listed.length;
  return [
    `${index}. ${method} ${path}${summary === '' ? '' : ` · ${oneLine(summary, 200)}`}`,
    ...(description === '' ? [] : [`   ${oneLine(description, DESCRIPTION_CHARS)}`]),
    ...(tags.length === 0 ? [] : [`   tags: ${tags.join(', ')}`]),
    ...listed.map((parameter) => `   - ${renderParameter(parameter)}`),
    ...(left > 0 ? [`   - and ${left} more parameters`] : []),
    ...responses.map(
      ({ status, about, fields }) =>
        `   ${status}: ${oneLine([about, fields.join(', ')].filter((part) => part !== '').join(' · '), 300)}`,
    ),
    `   ${curl(endpoint, base)}`,
  ].join('\n');
}

function renderParameter({ name, place, type, isRequired, example, about }: ApiParameter): string {
  const facts = [place, shorten(type, 80), isRequired ? 'required' : undefined].filter(
    (part) => part !== undefined,
  );
  const shown = example === undefined ? '' : `, e.g. ${shorten(example, 60)}`;
  return `${name} (${facts.join(', ')})${shown}${about === undefined ? '' : `: ${oneLine(about, 120)}`}`;
}

/** In double quotes, so that a shell puts the token in; only where one is needed. */
function curl(
  { method, path, parameters, needsToken, hasBody }: ApiEndpoint,
  base: string,
): string {
  const required = parameters.filter(({ place, isRequired }) => place === 'query' && isRequired);
  const query = required.map(({ name }) => `${name}=…`).join('&');
  const body = parameters.filter(({ place, isRequired }) => place === 'body' && isRequired);
  const parts = [
    'curl',
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...(needsToken ? ['-H "Authorization: Bearer $HF_TOKEN"'] : []),
    ...(hasBody
      ? [
          '-H "Content-Type: application/json"',
          `-d "{${body.map(({ name }) => `\\"${name}\\": …`).join(', ')}}"`,
        ]
      : []),
    `"${base}${path}${query === '' ? '' : `?${query}`}"`,
  ];
  return parts.join(' ');
}
