/** The clock and the chance a class depends on, so that tests can own both. */
export interface Timers {
  now(): number;
  after(ms: number, run: () => void): Cancel;
  random(): number;
}

export type Cancel = () => void;

export const browserTimers: Timers = {
  now: () => Date.now(),
  after: (ms, run) => {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
  random: () => Math.random(),
};
