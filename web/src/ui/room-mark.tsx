import styles from "./room-mark.module.css";

/** The room's initial on its colour; the name stands beside it or in a tooltip. */
export function RoomMark({ title, size = "small" }: { title: string; size?: "small" | "large" }) {
  return (
    <span aria-hidden="true" className={`${styles.mark} ${styles[size]}`}>
      {[...title][0]?.toUpperCase() ?? "#"}
    </span>
  );
}
