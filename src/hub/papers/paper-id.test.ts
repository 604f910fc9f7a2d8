import { describe, expect, it } from 'vitest';
import { parseArxivId, parsePaperId, scholarIdOf } from './paper-id.ts';

describe('3: ids of papers', () => {
  it.each([
    ['2305.18290', '2305.18290', undefined],
    [' arXiv:2305.18290v2 ', '2305.18290', 'v2'],
    ['https://arxiv.org/abs/2305.18290v2', '2305.18290', 'v2'],
    ['http://www.arxiv.org/pdf/2305.18290.pdf', '2305.18290', undefined],
    ['arxiv.org/html/2305.18290v3#S2', '2305.18290', 'v3'],
    ['https://huggingface.co/papers/2305.18290', '2305.18290', undefined],
    ['hf.co/papers/2305.18290.md?x=1', '2305.18290', undefined],
    ['https://ar5iv.labs.arxiv.org/html/2305.18290', '2305.18290', undefined],
    ['cs/0101001', 'cs/0101001', undefined],
    ['hep-th/9901001v2', 'hep-th/9901001', 'v2'],
    ['math.GT/0309136', 'math.GT/0309136', undefined],
    ['https://arxiv.org/abs/hep-th/9901001v2', 'hep-th/9901001', 'v2'],
  ])('%s is arXiv %s %s', (text, id, version) => {
    expect(parsePaperId(text)).toEqual({ kind: 'arxiv', id, version });
  });

  it.each([
    ['DOI:10.18653/v1/N19-1423', 'DOI:10.18653/v1/N19-1423'],
    ['doi: 10.1/x', 'DOI:10.1/x'],
    ['PMID:19872477', 'PMID:19872477'],
    ['corpusid:215416146', 'CorpusId:215416146'],
  ])('%s goes to Semantic Scholar', (text, id) => {
    expect(parsePaperId(text)).toEqual({ kind: 'scholar', id });
    expect(() => parseArxivId(text)).toThrow(/is no arXiv id/);
  });

  it('gives the versions to nobody but arXiv', () => {
    expect(scholarIdOf(parsePaperId('2305.18290v2'))).toBe('ARXIV:2305.18290');
  });

  it.each([
    '',
    'attention is all you need',
    '2305.182',
    '23051.8290',
    '2305.18290v',
    'https://evil.test/abs/2305.18290',
    'https://arxiv.org@evil.test/abs/2305.18290',
    'DOI:x',
    '../../x',
  ])('"%s" is none', (text) =>
    expect(() => parsePaperId(text)).toThrow(/is not the id of a paper/),
  );
});
