/** Sums up a Bokeh document: titles, and per glyph its type, fields, number of points and ranges. */
import { isRecord } from '#core/json.ts';
import { clip, rangeOf } from './field-range.ts';

const MAX_GLYPHS = 4;
const MAX_FIELDS = 3;
const MAX_OBJECTS = 20_000;

/** @param documents `docs_json`: documents by id. @returns undefined when there is no figure in them */
export function summarizeBokeh(documents: unknown): string | undefined {
  const models = collectModels(documents);
  const figures = models.filter(({ name }) => /^(Figure|Plot|GridPlot)$/.test(name));
  if (figures.length === 0) return undefined;
  const byId = new Map(models.map((model) => [model.id, model]));
  const resolve = (value: unknown): Model | undefined => {
    const id = isRecord(value) ? value['id'] : undefined;
    return typeof id === 'string' ? byId.get(id) : undefined;
  };
  const titles = figures.flatMap(({ attributes }) => {
    const text = resolve(attributes['title'])?.attributes['text'];
    return typeof text === 'string' && text !== '' ? [`"${clip(text, 60)}"`] : [];
  });
  const glyphs = models
    .filter(({ name }) => name === 'GlyphRenderer')
    .map(({ attributes }) => {
      const glyph = resolve(attributes['glyph'])?.name ?? 'glyph';
      const source = resolve(attributes['data_source'])?.attributes['data'];
      return summarizeGlyph(glyph, source);
    });
  const lines = glyphs.slice(0, MAX_GLYPHS);
  if (glyphs.length > MAX_GLYPHS) lines.push(`... ${glyphs.length - MAX_GLYPHS} more glyphs`);
  const heading = ['bokeh figure', ...titles].join(' ');
  return [heading, ...lines.map((line) => `- ${line}`)].join('\n');
}

function summarizeGlyph(glyph: string, data: unknown): string {
  let points = 0;
  const ranges: string[] = [];
  for (const [field, values] of entriesOf(data)) {
    const found = rangeOf(values);
    if (found === undefined) continue;
    points = Math.max(points, found.count);
    if (found.range !== '' && ranges.length < MAX_FIELDS)
      ranges.push(`${clip(field, 30)} ${found.range}`);
  }
  return `${glyph}: ${points} points${ranges.length === 0 ? '' : `, ${ranges.join(', ')}`}`;
}

/** A plain object, or Bokeh 3's `{type: map, entries: [[key, value], ...]}`. */
function entriesOf(data: unknown): readonly (readonly [string, unknown])[] {
  if (!isRecord(data)) return [];
  const entries = data['entries'];
  if (!Array.isArray(entries)) return Object.entries(data);
  return entries.flatMap((entry: unknown) =>
    Array.isArray(entry) && typeof entry[0] === 'string' ? [[entry[0], entry[1]] as const] : [],
  );
}

interface Model {
  readonly id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Bokeh 3 nests models (`name`), Bokeh 2 lists them (`type`). */
function collectModels(root: unknown): Model[] {
  const models: Model[] = [];
  const waiting = [root];
  for (let seen = 0; seen < Math.min(waiting.length, MAX_OBJECTS); seen += 1) {
    const value = waiting[seen];
    if (Array.isArray(value)) {
      for (const item of value) if (typeof item === 'object') waiting.push(item);
    } else if (isRecord(value)) {
      const { id, attributes } = value;
      const name = value['name'] ?? value['type'];
      if (typeof id === 'string' && typeof name === 'string' && isRecord(attributes)) {
        models.push({ id, name, attributes });
      }
      for (const item of Object.values(value)) if (typeof item === 'object') waiting.push(item);
    }
  }
  return models;
}
