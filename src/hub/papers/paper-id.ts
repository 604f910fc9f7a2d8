/** Reads the many ways in which people name a paper. */
import { GloveboxError } from '#core/errors.ts';

export interface ArxivId {
  readonly kind: 'arxiv';
  /** Without version: `2305.18290`, `hep-th/9901001`. */
  readonly id: string;
  /** `v2`, where one was given. */
  readonly version: string | undefined;
}

/** A paper that only Semantic Scholar knows by that name, spelled as it wants it: `DOI:10.1/x`, `PMID:1`, `CorpusId:1`. */
export interface ScholarId {
  readonly kind: 'scholar';
  readonly id: string;
}

export type PaperId = ArxivId | ScholarId;

const NEW_STYLE = /^(\d{4}\.\d{4,5})(v\d+)?$/;
const OLD_STYLE = /^([a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?\/\d{7})(v\d+)?$/i;
const OTHERS = [
  { pattern: /^doi:\s*(10\.\S+)$/i, prefix: 'DOI' },
  { pattern: /^pmid:\s*(\d+)$/i, prefix: 'PMID' },
  { pattern: /^corpusid:\s*(\d+)$/i, prefix: 'CorpusId' },
] as const;

/**
 * A bare id, `arXiv:`, an address of arXiv, of ar5iv or of a paper's page on the Hub, with or without a version; `DOI:`, `PMID:`
 * and `CorpusId:`.
 *
 * @throws GloveboxError `input/invalid` with two examples.
 */
export function parsePaperId(text: string): PaperId {
  const trimmed = text.trim();
  for (const { pattern, prefix } of OTHERS) {
    const found = pattern.exec(trimmed)?.[1];
    if (found !== undefined) return { kind: 'scholar', id: `${prefix}:${found}` };
  }
  const bare = withoutAddress(trimmed).replace(/^arxiv:\s*/i, '');
  const [, id, version] = NEW_STYLE.exec(bare) ?? OLD_STYLE.exec(bare) ?? [];
  if (id !== undefined)
    return {
      kind: 'arxiv',
      id,
      version: version?.toLowerCase(),
    };
  throw new GloveboxError('input/invalid', `"${trimmed.slice(0, 100)}" is not the id of a paper.`, {
    hint: 'give an arXiv id such as 2305.18290 or hep-th/9901001; operation="search" finds ids.',
  });
}

/** @throws GloveboxError `input/invalid` for a paper that is not on arXiv. */
export function parseArxivId(text: string): ArxivId {
  const parsed = parsePaperId(text);
  if (parsed.kind === 'arxiv') return parsed;
  throw new GloveboxError(
    'input/invalid',
    `${parsed.id} is no arXiv id, and this operation needs one.`,
    {
      hint: 'give an arXiv id such as 2305.18290 or hep-th/9901001; paper_details with this id may name it.',
    },
  );
}

/** What Semantic Scholar calls it. */
export const scholarIdOf = (paper: PaperId): string =>
  paper.kind === 'arxiv' ? `ARXIV:${paper.id}` : paper.id;

const HOSTS =
  /^(?:https?:\/\/)?(?:(?:www|export|browse)\.)?(?:arxiv\.org|ar5iv\.(?:labs\.arxiv\.)?org|ar5iv\.labs\.arxiv\.org|huggingface\.co|hf\.co|alphaxiv\.org)\//i;

function withoutAddress(text: string): string {
  if (!HOSTS.test(text)) return text;
  return text
    .replace(HOSTS, '')
    .replace(/[?#].*$/, '')
    .replace(/^(?:abs|pdf|html|papers|format|src)\//i, '')
    .replace(/\.(?:pdf|md)$/i, '')
    .replace(/\/+$/, '');
}
