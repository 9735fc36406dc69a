import styles from "./problem.module.css";

/** What went wrong with a form or a press, said at once; nothing while nothing did. */
export function Problem({ text }: { text: string | null }) {
  return text === null ? null : (
    <p className={styles.problem} role="alert">
      {text}
    </p>
  );
}
