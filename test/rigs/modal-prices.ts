/** Prices as a user sets them, for tests in which the budget agrees to what a fake rents: without them a person is asked. */
export const MODAL_PRICES = { GLOVEBOX_MODAL_PRICES: 'T4=0.59,core=0.1419,gib=0.0242' } as const;
