import type { PendingLine } from "../../client/outbox";
import type { User } from "../../protocol/__generated__/protocol";
import { nameColorStyle } from "../../ui/name-color-style";
import { problemText } from "../../ui/problem-text";
import styles from "./message-row.module.css";

const STATES = {
  waiting: "waiting for the connection",
  sent: "on its way",
  accepted: "sent",
  failed: "not sent",
} as const;
/** The same text would be refused again. */
const HOPELESS = [
  "message_too_long",
  "message_empty",
  "validation_failed",
  "emote_only",
  "blocked_phrase",
  "duplicate_message",
  "message_not_found",
];

/** One's own line before the room has it, in the words one typed. */
export function PendingRow({ line, user }: { line: PendingLine; user: User | null }) {
  const hopeless = line.code !== null && HOPELESS.includes(line.code);
  return (
    <div className={styles.pending} data-key={line.key} data-status={line.status}>
      {user && (
        <bdi className="name" style={nameColorStyle(user.color)}>
          {user.display_name}
        </bdi>
      )}
      <span className={styles.colon}>: </span>
      <span className={styles.text} dir="auto">
        {line.text}
      </span>
      <span className="visually-hidden"> ({STATES[line.status]})</span>
      {line.status === "failed" && (
        <div className={styles.fault}>
          <span title={problemText(line.code ?? "unanswered")}>
            {line.code === "unanswered" ? problemText("unanswered") : "Not sent."}
          </span>
          {!hopeless && (
            <button type="button" data-action="retry" data-nonce={line.nonce}>
              Try again
            </button>
          )}
          <button type="button" data-action="edit" data-nonce={line.nonce}>
            Edit
          </button>
          <button type="button" data-action="discard" data-nonce={line.nonce}>
            Discard
          </button>
        </div>
      )}
    </div>
  );
}
