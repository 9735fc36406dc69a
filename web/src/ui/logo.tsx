import styles from "./logo.module.css";

/** A speech bubble with something else coming out of it. */
export function Logo({ compact = false }: { compact?: boolean }) {
  return (
    <span className={styles.logo}>
      <svg aria-hidden="true" viewBox="0 0 32 32" width={26} height={26}>
        <path
          fill="currentColor"
          d="M6 3h20a4 4 0 0 1 4 4v13a4 4 0 0 1-4 4H14l-7 5v-5H6a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4Z"
        />
        <path className={styles.wave} d="M8 12.5q2-3.4 4 0t4 0 4 0 4 0v3q-2 3.4-4 0t-4 0-4 0-4 0Z" />
      </svg>
      {compact ? <span className="visually-hidden">Twitchy</span> : <span className={styles.word}>Twitchy</span>}
    </span>
  );
}
