import { type ReactNode, useEffect, useId, useRef } from "react";
import { IconButton } from "./button";
import { Icon } from "./icon";
import styles from "./side-panel.module.css";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** Stands beside the chat, or over its lower part where there is no beside; the chat goes on meanwhile. */
export function SidePanel({ title, onClose, children }: Props) {
  const heading = useId();
  const top = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    const before = document.activeElement;
    top.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  return (
    <section
      className={styles.panel}
      aria-labelledby={heading}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <header className={styles.header}>
        <h2 ref={top} id={heading} tabIndex={-1}>
          {title}
        </h2>
        <IconButton label={`Close ${title}`} onClick={onClose}>
          <Icon name="close" />
        </IconButton>
      </header>
      <div className={styles.inside}>{children}</div>
    </section>
  );
}
