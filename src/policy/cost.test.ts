import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUsd, perMinute, renderUsd, renderUsdLeft } from '#core/money.ts';
import { costOf, estimate, nextThreshold, settledCost } from './cost.ts';
import { firingsOf } from './schedule.ts';
import { parseTimeLimitS } from './time-limit.ts';

/** Micro-dollars per minute. */
const PRICES = {
  'cpu-basic': 167,
  'cpu-upgrade': 500,
  't4-medium': 10_000,
  'a10g-small': 16_667,
  'a10g-large': 25_000,
  l40sx1: 30_000,
  'a100-large': 41_667,
  'a10g-largex2': 50_000,
} as const;

describe('4.4: worked examples', () => {
  it.each([
    ['a10g-large', '2h', false, 3_000_000, '$3.00'],
    ['a100-large', '8h', false, 20_000_160, '$20.00'],
    ['cpu-basic', undefined, false, 5010, '$0.01'],
    ['cpu-basic', '10m', false, 1670, '< $0.01'],
    ['t4-medium', '1h30m', false, 900_000, '$0.90'],
    ['l40sx1', 5400, false, 2_700_000, '$2.70'],
    ['a10g-small', '90s', false, 33_334, '$0.03'],
    ['a10g-largex2', '1.5h', true, 4_515_030, '$4.52'],
  ] as const)('%s for %s, exposed %s, is %i', (flavor, limit, exposed, micro, shown) => {
    const seconds = parseTimeLimitS(limit);
    const cost = costOf({ unitCostMicroUsd: PRICES[flavor], seconds, exposed });
    expect([cost, renderUsd(cost)]).toEqual([micro, shown]);
  });

  it.each([
    ['a10g-small', '30m', '@daily', 500_010, 1, 500_010, 15_000_300, ['$0.50', '$0.50', '$15.00']],
    [
      'cpu-upgrade',
      '10m',
      '*/15 * * * *',
      5000,
      96,
      480_000,
      14_400_000,
      ['$0.01', '$0.48', '$14.40'],
    ],
  ] as const)('%s for %s at %s', (flavor, limit, schedule, run, perDay, day, month, shown) => {
    const cost = costOf({ unitCostMicroUsd: PRICES[flavor], seconds: parseTimeLimitS(limit) });
    const fires = firingsOf(schedule, Date.UTC(2026, 10, 21, 9, 7));
    expect([cost, fires.firstDay, cost * fires.firstDay, cost * fires.thirtyDays]).toEqual([
      run,
      perDay,
      day,
      month,
    ]);
    expect([cost, cost * fires.firstDay, cost * fires.thirtyDays].map(renderUsd)).toEqual(shown);
  });
});

it('unknown never counts as free, and neither does a machine that nothing ends', () => {
  expect(estimate({ unknown: 'no list' }, { seconds: 60 })).toEqual({
    amountMicroUsd: null,
    reason: 'no list',
  });
  const price = { unitMicroUsd: 10, source: 's', isFresh: true };
  expect(estimate(price, { seconds: undefined }).amountMicroUsd).toBeNull();
  expect(estimate({ ...price, unitMicroUsd: 0 }, { seconds: undefined }).amountMicroUsd).toBe(0);
});

it.each([
  ['1.50', 25_000],
  ['1.00', 16_667],
  ['0.40', 6667],
  ['0.01', 167],
])('a price of $%s an hour is %i a minute, never less', (usd, micro) =>
  expect(perMinute(Number(usd))).toBe(micro),
);

it.each([
  [undefined, undefined],
  [Number.NaN, undefined],
  [-1, undefined],
])('%s is no price', (usd, micro) => expect(perMinute(usd)).toBe(micro));

it.each([
  ['5', 5_000_000],
  ['$2.50', 2_500_000],
  ['0', 0],
  ['0.000001', 1],
])('%s is an amount', (text, micro) => expect(parseUsd(text)).toBe(micro));

it.each(['-1', 'five', '1e9', '', '1,5', 'Infinity', '0x10', '1.2345678', '--5'])(
  '%j is none',
  (text) => expect(parseUsd(text)).toBeUndefined(),
);

it('4.3: shows amounts rounded half up, and what is left rounded down', () => {
  expect([5000, 4999, 4_515_030, 14_999].map(renderUsd)).toEqual([
    '$0.01',
    '< $0.01',
    '$4.52',
    '$0.01',
  ]);
  expect([1_999_999, 0, -5].map(renderUsdLeft)).toEqual(['$1.99', '$0.00', '$0.00']);
});

it.each([
  [4.99, 5, 5],
  [5, 5, 10],
  [12.25, 5, 20],
  [40, 20, 80],
])('11.3: after $%f the threshold of $%f is $%f', (spent, current, next) =>
  expect(nextThreshold(spent * 1e6, current * 1e6)).toBe(next * 1e6),
);

describe('5.2: what a machine has cost', () => {
  const a10gLarge = { amountMicroUsd: 3_000_000, unitMicroUsd: 25_000 };
  it.each([
    ['ran 25 minutes', { hasStarted: true, runningS: 1500 }, 650_000],
    ['ran into its limit', { hasStarted: true, runningS: 7200 }, 3_000_000],
    ['ran, nobody knows how long', { hasStarted: true, runningS: undefined }, 3_000_000],
    ['never started', { hasStarted: false, runningS: undefined }, 0],
  ])('%s', (_, run, micro) => expect(settledCost(a10gLarge, run)).toBe(micro));

  it('is never above what was reserved, and never falls with the time', () => {
    const second = fc.nat(100_000);
    fc.assert(
      fc.property(second, second, (a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)].map((runningS) =>
          settledCost(a10gLarge, { hasStarted: true, runningS }),
        );
        return (short ?? 0) <= (long ?? 0) && (long ?? 0) <= a10gLarge.amountMicroUsd;
      }),
    );
  });
});

describe('schedules', () => {
  const now = Date.UTC(2026, 10, 21, 9, 7); // a Saturday
  it.each([
    ['@hourly', 24, 720],
    ['0 3 * * 1-5', 1, 21],
    ['30 9,21 1 * *', 1, 2],
    ['0 0 * * sun', 1, 5],
    ['0 */6 * * *', 4, 120],
  ])('%s', (schedule, firstDay, thirtyDays) =>
    expect(firingsOf(schedule, now)).toMatchObject({ firstDay, thirtyDays }),
  );

  it.each([
    '',
    'now',
    '* * * *',
    '60 * * * *',
    '*/0 * * * *',
    '5-1 * * * *',
    '@reboot',
    '1/2/3 * * * *',
  ])('%j is none', (schedule) =>
    expect(() => firingsOf(schedule, now)).toThrow(
      expect.objectContaining({ code: 'input/invalid' }),
    ),
  );
});
