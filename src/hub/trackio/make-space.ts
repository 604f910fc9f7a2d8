/** Makes a private Space that shows what is logged with Trackio: its three files, in one commit. */
import { GloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { commitChanges, type FileChange } from '../repos/commit.ts';
import { createRepo } from '../repos/settings.ts';

/** https://huggingface.co/docs/hub/spaces-config-reference */
const FILES: Readonly<Record<string, string>> = {
  'README.md': '---\ntitle: Trackio\nsdk: gradio\napp_file: app.py\ntags:\n  - trackio\n---\n',
  'requirements.txt': 'trackio[spaces]\n',
  'app.py': 'import trackio\n\ntrackio.show()\n',
};

/** @throws GloveboxError `remote/conflict` when it is there already, and as `checkHubAnswer`. */
export async function makeTrackioSpace(
  hub: HubContext,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const repo = { type: 'space', id } as const;
  if (!(await createRepo(hub, repo, { isPrivate: true, sdk: 'gradio' }, signal)))
    throw new GloveboxError('remote/conflict', `The Space ${id} was made by somebody meanwhile.`);
  const changes = Object.entries(FILES).map(([path, text]): FileChange => ({
    kind: 'put',
    path,
    bytes: Buffer.from(text),
  }));
  const commit = { revision: 'main', message: 'Show what Trackio logs', changes };
  await commitChanges(hub, repo, { ...commit, parent: undefined, asPullRequest: false }, signal);
}
