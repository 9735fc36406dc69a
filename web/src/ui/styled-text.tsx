import { useMemo } from "react";
import styles from "./styled-text.module.css";
import { wordDiff } from "./word-diff";

/** A styled line with what the style added set off. */
export function StyledText({ original, styled }: { original: string; styled: string }) {
  const pieces = useMemo(() => wordDiff(original, styled), [original, styled]);
  return pieces.map((piece, at) =>
    piece.added ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a line never change places.
      <span key={at} className={styles.added}>
        {piece.text}
      </span>
    ) : (
      piece.text
    ),
  );
}
