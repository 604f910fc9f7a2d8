import { expect, it } from 'vitest';
import { renderDiff } from './diff.ts';

it('shows what changed, and the end of the text only where that is the change', async () => {
  expect(await renderDiff('a\nb', 'a\nc')).toBe('@@ line 1\n a\n-b\n+c');
  expect(await renderDiff('a', 'a\n')).toBe('@@ line 1\n-a\n\\ No newline at end of file\n+a');
  expect(await renderDiff('a', 'a')).toBe('');
});
