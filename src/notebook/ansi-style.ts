/** Which colours and attributes of a terminal are switched on, followed through its `ESC[...m` codes. */

/** Immutable; equal styles may be different objects, so compare `code`. */
export interface AnsiStyle {
  /** The parameters that switch everything on, such as `1;31`. Empty for plain text. */
  readonly code: string;
  readonly slots: ReadonlyMap<string, string>;
}

export const PLAIN: AnsiStyle = { code: '', slots: new Map() };

/** The attributes that one code switches on, by what it takes the place of; other codes stand for themselves. */
const SLOTS: Readonly<Record<number, string>> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  5: 'blink',
  6: 'blink',
  7: 'inverse',
  8: 'hidden',
  9: 'strike',
  21: 'underline',
  38: 'foreground',
  48: 'background',
  58: 'underline colour',
};

const OFF: Readonly<Record<number, readonly string[]>> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  25: ['blink'],
  27: ['inverse'],
  28: ['hidden'],
  29: ['strike'],
  39: ['foreground'],
  49: ['background'],
  59: ['underline colour'],
};

const COLOUR = new RegExp(String.raw`^\u001b\[([0-9;:]*)m$`);

/** The style after a sequence, which is the same when the sequence is not about colours. */
export function styleAfter(style: AnsiStyle, sequence: string): AnsiStyle {
  const parameters = COLOUR.exec(sequence)?.[1];
  return parameters === undefined ? style : nextStyle(style, parameters);
}

function nextStyle(style: AnsiStyle, parameters: string): AnsiStyle {
  const slots = new Map(style.slots);
  const parts = parameters.split(';');
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] ?? '';
    const code = Number.parseInt(part === '' ? '0' : part, 10);
    if (code === 0) slots.clear();
    else if (OFF[code] !== undefined) for (const slot of OFF[code]) slots.delete(slot);
    else {
      const isLong = (code === 38 || code === 48 || code === 58) && !part.includes(':');
      const length = isLong ? (parts[at + 1] === '2' ? 5 : 3) : 1;
      slots.set(slotOf(code), parts.slice(at, at + length).join(';'));
      at += length - 1;
    }
  }
  if (slots.size === 0) return PLAIN;
  return { code: [...slots.values()].join(';'), slots };
}

function slotOf(code: number): string {
  if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) return 'foreground';
  if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) return 'background';
  return SLOTS[code] ?? String(code);
}

/** The code that turns one style into another. */
export function renderTransition(from: AnsiStyle, to: AnsiStyle): string {
  if (from.code === to.code) return '';
  if (to.code === '') return '\u001b[0m';
  return from.code === '' ? `\u001b[${to.code}m` : `\u001b[0;${to.code}m`;
}
