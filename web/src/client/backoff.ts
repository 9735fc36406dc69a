const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** The server asked for room: too many connections, or a node that is full. */
const CROWDED_FLOOR_MS = 5_000;

/** Full jitter: anywhere between nothing and a ceiling that doubles, so that a crowd does not come back as one wave. */
export function reconnectDelay(attempt: number, closeCode: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  const floor = closeCode === 1008 || closeCode === 1013 || closeCode === 4009 ? CROWDED_FLOOR_MS : 0;
  return Math.round(floor + random() * ceiling);
}
