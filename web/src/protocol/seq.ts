/** Places in a room's order are 64-bit numbers as decimal strings without leading zeros: longer means later. */
export function compareSeq(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

export const isLater = (a: string, b: string): boolean => compareSeq(a, b) > 0;

/** The place right before, for reading a message by its own place. */
export const seqBefore = (seq: string): string => (BigInt(seq) - 1n).toString();
export const seqAfter = (seq: string): string => (BigInt(seq) + 1n).toString();
