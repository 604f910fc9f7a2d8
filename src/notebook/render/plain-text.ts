/** Turns terminal text into plain text: no escape codes, no overwritten progress lines, no control characters. */

/** Anything that is not tab, newline or ordinary text. */
const UNUSUAL = /[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\uffff]/;
const ESCAPES = new RegExp(
  [
    '\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)', // operating system command, e.g. a link
    '\\x1b[PX^_][^\\x1b]*\\x1b\\\\', // device control strings
    '(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]', // colours and cursor
    '\\x1b[ -/]*[0-~]',
  ].join('|'),
  'g',
);
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** The text a reader of a terminal would have seen at the end. Idempotent; never splits a surrogate pair. */
export function toPlainText(text: string): string {
  if (!UNUSUAL.test(text)) return text;
  let plain = text.replace(ESCAPES, '').replaceAll('\r\n', '\n');
  if (plain.includes('\r') || plain.includes('\b')) {
    plain = plain.split('\n').map(overwrite).join('\n');
  }
  return plain.replace(CONTROLS, '').toWellFormed();
}

/** Applies carriage returns and backspaces within one line. */
function overwrite(line: string): string {
  let shown = '';
  for (const part of line.split('\r')) {
    const written = backspaced(part);
    shown = written + shown.slice(written.length);
  }
  return shown;
}

function backspaced(text: string): string {
  if (!text.includes('\b')) return text;
  const kept: string[] = [];
  for (const char of text) {
    if (char === '\b') kept.pop();
    else kept.push(char);
  }
  return kept.join('');
}
