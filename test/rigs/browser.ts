/** Debian's Chromium, headless, for tests that look at a notebook as a person does. */
import { existsSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

const PROGRAM = '/usr/bin/chromium';

export const hasChromium = existsSync(PROGRAM);
export const howToGetChromium = 'Install it: apt-get install chromium';

/** A page of its own browser, closed after the test. Nothing it does on its own reaches the network. */
export async function openPage(): Promise<Page> {
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  onTestFinished(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  return context.newPage();
}
