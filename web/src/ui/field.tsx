import { type ComponentProps, type ReactNode, useId } from "react";
import styles from "./field.module.css";
import { Hint } from "./hint";

interface Props extends ComponentProps<"input"> {
  label: string;
  /** A rule, shown below while nothing is wrong. */
  hint?: ReactNode;
  /** What is wrong with what was typed. */
  wrong?: string | null;
}

export function Field({ label, hint, wrong = null, ...input }: Props) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} aria-invalid={wrong !== null || undefined} aria-describedby={`${id}-hint`} />
      <Hint id={`${id}-hint`} wrong={wrong}>
        {hint}
      </Hint>
    </div>
  );
}
