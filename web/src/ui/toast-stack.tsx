import { useEffect, useState } from "react";
import type { Toast, Toasts } from "../client/toasts";
import styles from "./toast-stack.module.css";
import { useSignal } from "./use-signal";

const SHOWN_MS = 5_000;

/** The region is there from the start, so that readers hear what is put into it. */
export function ToastStack({ toasts }: { toasts: Toasts }) {
  const shown = useSignal(toasts.shown);
  return (
    <div className={styles.stack} role="status">
      {shown.map((toast) => (
        <Line key={toast.id} toast={toast} onGone={() => toasts.drop(toast.id)} />
      ))}
    </div>
  );
}

function Line({ toast, onGone }: { toast: Toast; onGone: () => void }) {
  /** Stays while someone is about to press it. */
  const [held, setHeld] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the time runs from when it is shown or let go.
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(onGone, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only keeps it from going away.
    <div
      className={styles.toast}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span>{toast.text}</span>
      {toast.undo && (
        <button
          type="button"
          onClick={() => {
            toast.undo?.();
            onGone();
          }}
        >
          Undo
        </button>
      )}
    </div>
  );
}
