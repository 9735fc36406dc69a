const whole = new Intl.NumberFormat("en");

export const count = (value: number): string => whole.format(Math.round(value));

/** `0.4`, `12`, `2,041`: as many digits as one can act on. */
export const rate = (value: number): string => (value < 10 ? String(Math.round(value * 10) / 10) : count(value));

export const plural = (value: number, one: string, many: string): string =>
  `${count(value)} ${value === 1 ? one : many}`;
