/** github_read_file: one file of a repository, or the entries of a folder. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { budgetOf, maxChars } from '../paged-answer.ts';
import { wideInt, wideText, type Notes } from '../wide-input.ts';

const input = z.strictObject({
  repo: z.string().describe('owner/repo, or an address on GitHub (its ref and path count too).'),
  path: wideText('File or folder. Default: that of the address, else the root.'),
  ref: wideText('Branch, tag or commit. Default: the default branch.'),
  line_start: wideInt('First line.', { min: 1 }),
  line_end: wideInt('Last line. Default: 300 lines.', { min: 1 }),
  max_chars: maxChars,
});

export type ReadFileInput = z.output<typeof input>;

export const githubReadFile = defineTool({
  name: 'github_read_file',
  toolset: 'github',
  title: 'Read a file on GitHub',
  description:
    'Reads lines of a file, or lists a folder, of a GitHub repository at a commit that it names. Notebooks come as their cells without outputs. Works without a token for public repositories.',
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { readRepoFile } = await import('./files/read-repo-file.ts');
    const notes: Notes = [];
    const budget = budgetOf(arguments_.max_chars, context.settings, notes);
    const { github, signal } = context;
    return textResult(await readRepoFile({ github, signal, input: arguments_, budget, notes }));
  },
});
