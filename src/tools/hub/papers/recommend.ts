/** Papers like one, or like some and unlike others. */
import { GloveboxError } from '#core/errors.ts';
import { parsePaperId, scholarIdOf } from '#hub/papers/paper-id.ts';
import { recommendFor, recommendFrom } from '#hub/scholar/operations.ts';
import type { ScholarPaper } from '#hub/scholar/paper.ts';
import { encodeCursor, offsetOf, renderList } from '../../paged-answer.ts';
import { renderScholarPaper } from './render-paper.ts';
import type { PapersCall } from './run-papers.ts';
import { firstId } from './search-papers.ts';

/** Asked for at once and shown in parts: the order stays the same from part to part. */
const FETCHED = 100;
const MAX_EXAMPLES = 100;

export async function recommend(call: PapersCall): Promise<string> {
  const { hub, input, limit, budget, notes } = call;
  const question = parseQuestion(call);
  const kind = JSON.stringify(['recommend', question]);
  const offset = offsetOf(kind, input.cursor);
  const papers = await ask(call, question);
  const shownPapers = papers.slice(offset, offset + limit);
  const best = firstId(shownPapers);
  const like = 'paper' in question ? question.paper : question.positive.join(', ');
  return renderList(
    {
      head: [
        `# Papers like ${like}`,
        `Source: Semantic Scholar${papers.length === FETCHED ? `, the ${FETCHED} that are most alike` : ''}`,
      ],
      items: shownPapers.map((paper, at) =>
        renderScholarPaper(paper, offset + at + 1, hub.hosts().hub),
      ),
      offset,
      total: papers.length,
      hasMore: offset + shownPapers.length < papers.length,
      cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
      noun: 'papers',
      next:
        best === undefined
          ? 'operation="citation_graph" finds papers that cite it.'
          : `hf_papers(operation="paper_details", arxiv_id="${best}")`,
      notes,
    },
    budget,
  );
}

type Question =
  | { readonly paper: string }
  | { readonly positive: readonly string[]; readonly negative: readonly string[] };

function parseQuestion({ input }: PapersCall): Question {
  const { arxiv_id: paper, positive_ids: positive = [], negative_ids: negative = [] } = input;
  if (paper !== undefined && positive.length + negative.length > 0)
    throw new GloveboxError(
      'input/invalid',
      'recommend takes either arxiv_id or positive_ids with negative_ids, not both.',
      {
        hint: 'put all papers into positive_ids, or leave the lists out.',
      },
    );
  if (paper !== undefined) return { paper: scholarIdOf(parsePaperId(paper)) };
  if (positive.length === 0)
    throw new GloveboxError(
      'input/invalid',
      'operation "recommend" needs arxiv_id or positive_ids.',
    );
  if (Math.max(positive.length, negative.length) > MAX_EXAMPLES)
    throw new GloveboxError(
      'input/invalid',
      `positive_ids and negative_ids take at most ${MAX_EXAMPLES} ids each.`,
    );
  return { positive: toIds(positive), negative: toIds(negative) };
}

const toIds = (given: readonly string[]): readonly string[] =>
  given.map((each) => scholarIdOf(parsePaperId(each)));

const ask = ({ hub, signal }: PapersCall, question: Question): Promise<readonly ScholarPaper[]> =>
  'paper' in question
    ? recommendFor(hub, question.paper, FETCHED, signal)
    : recommendFrom(hub, question, FETCHED, signal);
