/** Reads the filters of the searches. */
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import type { PaperFilters } from '#hub/scholar/operations.ts';
import { FIELDS_OF_STUDY } from '#hub/scholar/paper.ts';
import type { PapersInput } from '../hf-papers.ts';
import { isDay } from './trending.ts';

/** @throws GloveboxError `input/invalid` for a day that is none, a field that the service does not know, dates the wrong way round. */
export function parseFilters(input: PapersInput): PaperFilters {
  const { date_from: dateFrom, date_to: dateTo, min_citations: minCitations } = input;
  for (const [name, value] of Object.entries({ date_from: dateFrom, date_to: dateTo })) {
    if (value !== undefined && !isDay(value))
      throw new GloveboxError('input/invalid', `${name}="${value}" is no day.`, {
        hint: 'write it as 2026-01-31.',
      });
  }
  if (dateFrom !== undefined && dateTo !== undefined && dateFrom > dateTo)
    throw new GloveboxError('input/invalid', `date_from=${dateFrom} is after date_to=${dateTo}.`);
  if (minCitations !== undefined && minCitations < 0)
    throw new GloveboxError('input/invalid', `min_citations=${minCitations} must not be below 0.`);
  return { dateFrom, dateTo, minCitations, fieldsOfStudy: parseFields(input.categories) };
}

function parseFields(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const names = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return names.map((name) => {
    const known = FIELDS_OF_STUDY.find((field) => field.toLowerCase() === name.toLowerCase());
    if (known !== undefined) return known;
    throw new GloveboxError(
      'input/invalid',
      `categories="${name}" is no field of study.${didYouMean(name, FIELDS_OF_STUDY)}`,
      { hint: `fields: ${FIELDS_OF_STUDY.join(', ')}.` },
    );
  });
}

/** For a heading: `since 2024-01-01, cited at least 10 times`. */
export function describeFilters({
  dateFrom,
  dateTo,
  fieldsOfStudy,
  minCitations,
}: PaperFilters): string {
  return [
    dateFrom !== undefined && `since ${dateFrom}`,
    dateTo !== undefined && `until ${dateTo}`,
    fieldsOfStudy !== undefined && `in ${fieldsOfStudy.join(', ')}`,
    minCitations !== undefined && `cited at least ${minCitations} times`,
  ]
    .filter((part) => part !== false)
    .join(', ');
}
