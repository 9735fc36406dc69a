import type { ComponentProps } from "react";
import styles from "./button.module.css";

type Kind = "primary" | "ink" | "quiet" | "outline" | "danger";

export function Button({ kind = "outline", className, ...rest }: ComponentProps<"button"> & { kind?: Kind }) {
  return <button type="button" {...rest} className={[styles.button, styles[kind], className].join(" ")} />;
}

export function IconButton({ label, className, ...rest }: ComponentProps<"button"> & { label: string }) {
  return (
    <button type="button" {...rest} aria-label={label} title={label} className={[styles.icon, className].join(" ")} />
  );
}
