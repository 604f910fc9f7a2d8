/** A paper as Semantic Scholar knows it, and the fields that are asked for. */
import * as z from 'zod';
import { listOf, optional, optionalNumber, optionalText } from '../lenient.ts';

export const scholarPaperSchema = z.object({
  paperId: optionalText,
  title: optionalText.transform((title) => title ?? '(without title)'),
  externalIds: optional(
    z.object({
      ArXiv: optionalText,
      DOI: optionalText,
      CorpusId: optional(z.union([z.number(), z.string()])),
    }),
  ),
  year: optionalNumber,
  publicationDate: optionalText,
  venue: optionalText,
  citationCount: optionalNumber,
  influentialCitationCount: optionalNumber,
  tldr: optional(z.object({ text: optionalText })),
  abstract: optionalText,
  fieldsOfStudy: listOf(z.string()),
  openAccessPdf: optional(z.object({ url: optionalText })),
  authors: listOf(z.object({ name: z.string() })),
  url: optionalText,
});
export type ScholarPaper = z.output<typeof scholarPaperSchema>;

const LIST_FIELDS =
  'title,externalIds,year,publicationDate,venue,citationCount,influentialCitationCount,fieldsOfStudy,openAccessPdf,abstract,authors,url';
/** The bulk search has no `tldr`. */
export const BULK_FIELDS = LIST_FIELDS;
export const PAPER_FIELDS = `${LIST_FIELDS},tldr`;

/** The fields of study that the service knows. */
export const FIELDS_OF_STUDY = [
  'Computer Science',
  'Medicine',
  'Chemistry',
  'Biology',
  'Materials Science',
  'Physics',
  'Geology',
  'Psychology',
  'Art',
  'History',
  'Geography',
  'Sociology',
  'Business',
  'Political Science',
  'Economics',
  'Philosophy',
  'Mathematics',
  'Engineering',
  'Environmental Science',
  'Agricultural and Food Sciences',
  'Education',
  'Law',
  'Linguistics',
] as const;
