/** Says at the end of a test run, in one line each, what failed and what passed only at its second try. */
import path from 'node:path';
import { root } from './setup.mjs';

export default class EndReporter {
  onTestRunEnd(modules, errors) {
    const lines = errors.map((error) => `FAIL outside of a test: ${firstLine(error.message)}`);
    for (const module of modules) {
      const file = path.relative(root, module.moduleId);
      for (const error of module.errors()) lines.push(`FAIL ${file}: ${firstLine(error.message)}`);
      for (const suite of module.children.allSuites())
        for (const error of suite.errors()) lines.push(`FAIL ${file}: ${firstLine(error.message)}`);
      for (const test of module.children.allTests()) lines.push(...linesOf(file, test));
    }
    if (lines.length > 0) console.log(`\n${lines.join('\n')}`);
  }
}

function linesOf(file, test) {
  const { state, errors } = test.result();
  const reason = firstLine(errors?.[0]?.message);
  if (state === 'failed') return [`FAIL ${file}: ${test.fullName}: ${reason}`];
  if (test.diagnostic()?.flaky !== true) return [];
  return [`AGAIN ${file}: ${test.fullName}: passed at its second try; the first: ${reason}`];
}

function firstLine(text = '') {
  return text.split('\n', 1)[0].slice(0, 300);
}
