/** Python source that is sent to a kernel inside other source. */

/** A JSON text of plain characters is a Python text too. */
export const pythonText = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
