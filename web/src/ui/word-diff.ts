export interface Piece {
  text: string;
  /** Not in the original. */
  added: boolean;
}

/** Longer lines are shown without the difference; the table below would have more cells than a phone likes. */
const CELLS_MAX = 200_000;

/**
 * Which words of a styled line were not in the original: the longest common run of words stays, the rest was added.
 * Words are compared as people would, without case, marks or ornament.
 */
export function wordDiff(original: string, styled: string): Piece[] {
  const pieces = styled.match(/\s+|\S+/gu) ?? [];
  const words = pieces.map(plainWord);
  const from = original.split(/\s+/u).map(plainWord).filter(Boolean);
  const kept = words.length * from.length > CELLS_MAX ? null : common(from, words);
  const result: Piece[] = [];
  for (const [at, text] of pieces.entries()) {
    const blank = words[at] === "" && /^\s+$/u.test(text);
    const last = result.at(-1);
    const added = blank ? (last?.added ?? false) : kept !== null && !kept.has(at);
    if (last && last.added === added) last.text += text;
    else result.push({ text, added });
  }
  return result;
}

const plainWord = (word: string): string =>
  word
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "");

/** Places in `words` that belong to the longest common subsequence with `from`. */
function common(from: readonly string[], words: readonly string[]): Set<number> {
  const width = words.length + 1;
  const table = new Uint16Array((from.length + 1) * width);
  for (let a = from.length - 1; a >= 0; a--) {
    for (let b = words.length - 1; b >= 0; b--) {
      table[a * width + b] =
        from[a] === words[b]
          ? (table[(a + 1) * width + b + 1] ?? 0) + 1
          : Math.max(table[(a + 1) * width + b] ?? 0, table[a * width + b + 1] ?? 0);
    }
  }
  const kept = new Set<number>();
  for (let a = 0, b = 0; a < from.length && b < words.length; ) {
    if (from[a] === words[b]) {
      kept.add(b);
      a += 1;
      b += 1;
    } else if ((table[(a + 1) * width + b] ?? 0) >= (table[a * width + b + 1] ?? 0)) a += 1;
    else b += 1;
  }
  return kept;
}
