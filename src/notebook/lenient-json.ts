/** JSON as Python writes it: with `NaN` and infinities, which a reader sees as null. */

const PYTHON_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g;

/** @throws SyntaxError when it is no JSON even so. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/\b(?:NaN|Infinity)\b/.test(text)) throw error;
    return JSON.parse(
      text.replaceAll(PYTHON_NUMBER, (found) => (found.startsWith('"') ? found : 'null')),
    );
  }
}
