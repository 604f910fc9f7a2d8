/** A person in JupyterLab and two agents in processes of their own edit one notebook at once: nothing is lost. */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { call, idOf } from '../mcp/call.ts';
import { hasChromium, howToGetChromium, openSession } from '../rigs/browser.ts';
import { prepareForKernels, startServer, unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { isMissing } from '../rigs/require.ts';

async function openInBrowser(
  bundle: Bundle,
  env: Readonly<Record<string, string>>,
  sessionId: string,
): Promise<Page> {
  const page = await openSession(bundle, env, sessionId);
  await notebookIn(page).waitFor({ timeout: 45_000 });
  await idle(page);
  return page;
}

const notebookIn = (page: Page) => page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)');
const idle = (page: Page): Promise<void> =>
  notebookIn(page).locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor();

/** Adds a cell below the last one and runs it, as a person does. */
async function runInBrowser(page: Page, code: string, shows: string): Promise<void> {
  await notebookIn(page).locator('.jp-Cell').last().locator('.jp-InputArea-prompt').click();
  await page.keyboard.press('b');
  await page.keyboard.press('Enter');
  await page.keyboard.type(code);
  await page.keyboard.press('Control+Enter');
  await notebookIn(page).locator('.jp-OutputArea').getByText(shows).waitFor();
  await page.keyboard.press('Escape');
}

/**
 * @param choice what the person answers when JupyterLab says that the file was changed on disk
 * @returns whether it said so
 */
async function saveInBrowser(page: Page, choice: 'Overwrite' | 'Revert'): Promise<boolean> {
  const dialog = page.locator('.jp-Dialog');
  const isWritten = page.waitForResponse(
    (answer) =>
      answer.request().method() === 'PUT' && answer.url().includes('/api/contents/') && answer.ok(),
  );
  await page.keyboard.press('Control+s');
  const isAsked = await Promise.race([
    dialog.waitFor().then(() => true),
    isWritten.then(() => false),
  ]);
  if (isAsked) await dialog.getByRole('button', { name: choice }).click();
  await dialog.waitFor({ state: 'detached' });
  return isAsked;
}

const sourcesIn = async (file: string): Promise<readonly string[]> =>
  (await readNotebookFile(file)).map(({ source }) => source);

describe.skipIf(isMissing('Chromium', hasChromium, howToGetChromium))('in one notebook', () => {
  it('X80, Q8.7: two agents and a person in JupyterLab lose nothing', async () => {
    const bundle = unpackBundle();
    const env = prepareForKernels(bundle);
    const { client: first } = await startServer(bundle, { era: 'modern', env });
    const { client: second } = await startServer(bundle, { era: 'modern', env });
    const started = await call(first, 'start_new_notebook', { experiment_name: 'together' });
    const session_id = idOf(started, 'session_id');
    const file = idOf(started, 'notebook_path');
    await call(first, 'execute_code', { session_id, code: 'print("seen", 1)' });

    const page = await openInBrowser(bundle, env, session_id);
    await notebookIn(page).locator('.jp-OutputArea').getByText('seen 1').waitFor();
    const agents = [first, second].map(async (client, agent) => {
      for (let number = 0; number < 5; number += 1) {
        await call(client, 'execute_code', { session_id, code: `print("a", ${agent}, ${number})` });
        await call(client, 'add_markdown', { session_id, markdown: `m ${agent} ${number}` });
      }
    });
    await runInBrowser(page, 'print("person", 40 + 2)', 'person 42');
    await Promise.all(agents);
    // The browser has the notebook from before, and its save writes that over everything.
    expect(await saveInBrowser(page, 'Overwrite')).toBe(true);

    const expected = [0, 1].flatMap((agent) =>
      [0, 1, 2, 3, 4].flatMap((n) => [`print("a", ${agent}, ${n})`, `m ${agent} ${n}`]),
    );
    const all = [...expected, 'print("seen", 1)', 'print("person", 40 + 2)'].toSorted();
    const sources = async (): Promise<readonly string[]> => (await sourcesIn(file)).toSorted();
    // Nobody calls anything: the servers see it by themselves.
    await expect.poll(sources, { timeout: 20_000 }).toEqual(all);
    const answer = await call(first, 'execute_code', { session_id, code: 'print("after")' });

    // Now the person takes what is on disk, sees all of it, deletes a cell, and that stays so.
    await runInBrowser(page, 'print("not", "kept")', 'not kept');
    expect(await saveInBrowser(page, 'Revert')).toBe(true);
    await notebookIn(page).locator('.jp-OutputArea').getByText('after').waitFor();
    const cell = notebookIn(page).locator('.jp-CodeCell', { hasText: 'print("after")' });
    await cell.locator('.jp-InputArea-prompt').click();
    await page.keyboard.press('d');
    await page.keyboard.press('d');
    await saveInBrowser(page, 'Overwrite');
    const end = await call(second, 'add_markdown', { session_id, markdown: 'the end' });
    await call(first, 'add_markdown', { session_id, markdown: 'really' });
    // Either server may have been the one that repaired the file, and that one tells its own agent.
    expect(`${answer.text}\n${end.text}`).toMatch(/older version of the notebook/);
    expect(await sources()).toEqual([...all, 'the end', 'really'].toSorted());
    for (const { source, outputs } of await readNotebookFile(file)) {
      const [, agent, number] = /^print\("a", (\d), (\d)\)$/.exec(source) ?? [];
      if (agent !== undefined) expect(JSON.stringify(outputs)).toContain(`a ${agent} ${number}`);
    }
  });

  it('D12: an agent and a person in the JupyterLab of a server that does not see the project lose nothing', async () => {
    const bundle = unpackBundle();
    const elsewhere = path.join(bundle.folder, 'elsewhere');
    mkdirSync(elsewhere);
    const env = { ...prepareForKernels(bundle), GLOVEBOX_SERVER_ROOT_DIR: elsewhere };
    const { client } = await startServer(bundle, { era: 'modern', env });
    const started = await call(client, 'start_new_notebook', { experiment_name: 'apart' });
    const session_id = idOf(started, 'session_id');
    const file = idOf(started, 'notebook_path');
    await call(client, 'execute_code', { session_id, code: 'print("seen", 1)' });
    const copy = path.join(elsewhere, 'apart.ipynb');
    const waiting = { timeout: 20_000 };
    const inCopy = async (): Promise<readonly string[]> =>
      existsSync(copy) ? sourcesIn(copy).catch(() => []) : [];
    await expect.poll(inCopy, waiting).toEqual(['print("seen", 1)']);

    const page = await openInBrowser(bundle, env, session_id);
    await notebookIn(page).locator('.jp-OutputArea').getByText('seen 1').waitFor();
    await call(client, 'execute_code', { session_id, code: 'print("meanwhile", 2)' });
    await expect.poll(inCopy, waiting).toHaveLength(2);
    await runInBrowser(page, 'print("person", 40 + 2)', 'person 42');
    // The browser has the copy from before, and its save writes that over the agent's newer cell.
    expect(await saveInBrowser(page, 'Overwrite')).toBe(true);
    const all = ['print("meanwhile", 2)', 'print("person", 40 + 2)', 'print("seen", 1)'];
    const inRecord = async (): Promise<readonly string[]> => (await sourcesIn(file)).toSorted();
    await expect.poll(inRecord, waiting).toEqual(all);
    await expect.poll(async () => (await inCopy()).toSorted(), waiting).toEqual(all);
    const { text } = await call(client, 'execute_code', { session_id, code: 'print("after")' });
    expect(text).toContain('The copy of the notebook in the sandbox was edited');
    const outputs = JSON.stringify(await readNotebookFile(file));
    for (const kept of ['seen 1', 'meanwhile 2', 'person 42']) expect(outputs).toContain(kept);
  });
});
