/** Debian's Chromium, headless, for tests that look at a notebook as a person does. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import type { Bundle } from './bundle.ts';

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

/** A page that shows the notebook of a session, as `glovebox open` leads a person to it. */
export async function openSession(
  bundle: Bundle,
  env: Readonly<Record<string, string>>,
  sessionId: string,
): Promise<Page> {
  const privatePage = execFileSync(
    process.execPath,
    [bundle.file('cli.mjs'), 'open', sessionId, '--print'],
    {
      cwd: bundle.project,
      env: { PATH: process.env['PATH'], HOME: bundle.home, ...env },
      encoding: 'utf8',
    },
  ).trim();
  const page = await openPage();
  await page.goto(pathToFileURL(privatePage).href);
  return page;
}
