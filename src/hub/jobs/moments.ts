/** Puts moments as services write them in order: ISO 8601, with fractions of a second of any length and any zone. Pure. */

interface Moment {
  readonly seconds: number;
  /** Digits after the point. */
  readonly fraction: string;
}

/** Negative, zero or positive. What is no moment comes before all that are, in the order of its text. */
export function compareMoments(a: string, b: string): number {
  const [first, second] = [parse(a), parse(b)];
  if (first === undefined || second === undefined)
    return Number(first !== undefined) - Number(second !== undefined) || compareTexts(a, b);
  const length = Math.max(first.fraction.length, second.fraction.length);
  return (
    first.seconds - second.seconds ||
    compareTexts(first.fraction.padEnd(length, '0'), second.fraction.padEnd(length, '0'))
  );
}

/** Dates of JavaScript end at milliseconds; the fraction is compared as it is written. */
function parse(text: string): Moment | undefined {
  const [, whole, fraction = '', zone = ''] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)?$/i.exec(text) ?? [];
  const seconds = Date.parse(`${whole}${zone === '' ? 'Z' : zone}`);
  return Number.isNaN(seconds) ? undefined : { seconds, fraction };
}

const compareTexts = (a: string, b: string): number => Number(a > b) - Number(a < b);
