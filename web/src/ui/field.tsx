import { type ComponentProps, type ReactNode, useId } from "react";
import styles from "./field.module.css";

interface Props extends ComponentProps<"input"> {
  label: string;
  /** Shown below; a rule while typing, or what is wrong. */
  hint?: ReactNode;
  invalid?: boolean;
}

export function Field({ label, hint, invalid = false, ...input }: Props) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} aria-invalid={invalid || undefined} aria-describedby={`${id}-hint`} />
      <p id={`${id}-hint`} className={invalid ? styles.wrong : styles.hint}>
        {hint}
      </p>
    </div>
  );
}
