/** Python source that is sent to a kernel inside other source. */

/** A JSON text of plain characters is a Python text too; beyond them, Python does not join the halves of a character. */
export const pythonText = (text: string): string =>
  JSON.stringify(text).replaceAll(/[^ -~]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    return code > 0xffff ? `\\U${digits.padStart(8, '0')}` : `\\u${digits.padStart(4, '0')}`;
  });
