/** A notebook made by an agent, opened by a person: JupyterLab shows it as if they had run it themselves. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { hasChromium, howToGetChromium, openSession } from '../rigs/browser.ts';
import { prepareForKernels, startServer, unpackBundle } from '../rigs/bundle.ts';
import { isMissing } from '../rigs/require.ts';

const root = path.resolve(import.meta.dirname, '../..');

const CELLS: readonly {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
}[] = [
  {
    tool: 'add_markdown',
    input: {
      markdown:
        '# How warm was it?\n\nHourly temperatures of a year, made up, and what a week looks like.',
    },
  },
  {
    tool: 'execute_code',
    input: {
      code: `import numpy as np
import pandas as pd

hours = pd.date_range("2025-01-01", periods=8760, freq="h")
rng = np.random.default_rng(7)
season = -np.cos(2 * np.pi * (hours.day_of_year - 15) / 365)
warm = pd.Series(10 + 9 * season + 4 * np.sin(2 * np.pi * (hours.hour - 9) / 24) + rng.normal(0, 2, 8760), hours)
print(f"{len(warm):,} hours, {warm.mean():.1f} °C on average")
warm.resample("QS").agg(["min", "mean", "max"]).round(1)`,
    },
  },
  {
    tool: 'execute_code',
    input: {
      code: `import matplotlib.pyplot as plt

daily = warm.resample("D").agg(["min", "mean", "max"])
fig, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
ax.fill_between(daily.index, daily["min"], daily["max"], color="tab:orange", alpha=0.25)
ax.plot(daily.index, daily["mean"].rolling(7, center=True).mean(), color="tab:red")
ax.set_ylabel("temperature [°C]")
plt.show()`,
    },
  },
  { tool: 'execute_code', input: { code: 'answer = 42\nanswer / 0' } },
];

describe.skipIf(isMissing('Chromium', hasChromium, howToGetChromium))('in the browser', () => {
  it('a notebook made through MCP has its text, error and plot, and shares the kernel', async () => {
    const bundle = unpackBundle();
    const env = prepareForKernels(bundle);
    const { client } = await startServer(bundle, { era: 'modern', env });
    const call = async (name: string, input: object): Promise<string> => {
      const { content, isError } = await client.callTool({ name, arguments: { ...input } });
      const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
      expect({ isError: isError === true, text }).toMatchObject({ isError: false });
      return text;
    };
    const started = await call('start_new_notebook', { experiment_name: 'How warm was it' });
    const sessionId = /session_id: (s-\S+)/.exec(started)?.[1] ?? 'none';
    expect(started).toMatch(/browser: http:\/\/127\.0\.0\.1:\d+\/lab\/tree\//);
    for (const { tool, input } of CELLS) await call(tool, { session_id: sessionId, ...input });

    const page = await openSession(bundle, env, sessionId);
    const notebook = page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)');
    await notebook.waitFor({ timeout: 45_000 });
    await notebook.locator('.jp-OutputArea').getByText('8,760 hours').waitFor();
    await notebook.getByText('ZeroDivisionError').first().waitFor();
    await notebook.locator('.jp-OutputArea img').waitFor();
    const widthOfPlot = await notebook
      .locator('.jp-OutputArea img')
      .evaluate((image) => Reflect.get(image, 'naturalWidth'));
    expect(widthOfPlot).toBeGreaterThan(400);
    expect(await notebook.locator('.jp-RenderedHTMLCommon h1').first().innerText()).toContain(
      'How warm was it?',
    );
    const counts = await notebook.locator('.jp-CodeCell .jp-InputArea-prompt').allInnerTexts();
    expect(counts.map((count) => count.trim())).toEqual(['[1]:', '[2]:', '[3]:']);
    await notebook.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor();

    expect(await page.getByText('Jupyter news').count()).toBe(0);
    await takePicture(page);

    // What a person runs here meets the agent's variables: it is the same kernel.
    await notebook.locator('.jp-CodeCell').last().locator('.jp-InputArea-prompt').click();
    await page.keyboard.press('b');
    await page.keyboard.press('Enter');
    await page.keyboard.type('print("from the agent:", answer)');
    await page.keyboard.press('Shift+Enter');
    await notebook.locator('.jp-OutputArea').getByText('from the agent: 42').waitFor();
  });
});

/** For the front page of the project; `docs/images/notebook.png` is a copy of it. */
async function takePicture(page: Page): Promise<void> {
  const folder = path.join(root, '.cache/screenshots');
  mkdirSync(folder, { recursive: true });
  await page.setViewportSize({ width: 1100, height: 1180 });
  await page.keyboard.press('Control+b');
  const top = page.locator('.jp-WindowedPanel-outer').first();
  await top.evaluate((element) => element.scrollTo(0, 0));
  await page.screenshot({ path: path.join(folder, 'notebook.png') });
}
