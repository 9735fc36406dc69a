import type { ReactNode } from "react";
import styles from "./hint.module.css";

interface Props {
  /** For the input that it describes. */
  id?: string;
  /** What is wrong with what was typed, in the place of the rule. */
  wrong: string | null;
  role?: "alert" | undefined;
  /** The rule while nothing is wrong. */
  children?: ReactNode;
}

/** The line under an input. It keeps its height, so that nothing moves when it has something to say. */
export function Hint({ id, wrong, role, children }: Props) {
  return (
    <p id={id} className={wrong === null ? styles.hint : styles.wrong} role={role}>
      {wrong ?? children}
    </p>
  );
}
