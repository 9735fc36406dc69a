import type { LogEntry } from "../../protocol/__generated__/protocol";
import styles from "./moderation.module.css";
import { atTime, deed } from "./words";

/** Entries of a room's moderation log, newest first. */
export function Entries({ entries }: { entries: readonly LogEntry[] }) {
  return (
    <ul className={styles.entries}>
      {entries.map((entry) => (
        <li key={`${entry.id} ${entry.action} ${entry.target}`}>
          <p>
            <bdi>@{entry.moderator}</bdi> <bdi>{deed(entry)}</bdi>
          </p>
          {entry.reason && (
            <p className={styles.reason} dir="auto">
              {entry.reason}
            </p>
          )}
          {entry.detail && (
            <p className={styles.detail} dir="auto">
              {entry.detail}
            </p>
          )}
          <time dateTime={new Date(entry.at).toISOString()}>{atTime(entry.at)}</time>
        </li>
      ))}
    </ul>
  );
}
