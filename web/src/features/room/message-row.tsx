import { memo } from "react";
import type { GapRow, MessageRow as Message, RemovedRow, Row } from "../../client/rows";
import { tokenize } from "../../client/tokens";
import type { Badge } from "../../protocol/__generated__/protocol";
import { Icon } from "../../ui/icon";
import { nameColorStyle } from "../../ui/name-color-style";
import { count, plural } from "../../ui/numbers";
import styles from "./message-row.module.css";
import { Said } from "./said-line";
import { clockTime, dayName, exactTime, midnight } from "./times";

const BADGES: Record<Badge, string> = {
  broadcaster: "host",
  moderator: "mod",
  vip: "vip",
  founder: "founder",
  bot: "bot",
};

interface RowProps<T> {
  row: T;
  dim?: boolean;
  /** What moderators have at hand. */
  tools?: boolean;
}

/** One row of the log. All its buttons are told apart by `data-action`; the list has the one handler. */
export const LogRow = memo(function LogRow({ row, dim = false, tools = false }: RowProps<Row>) {
  switch (row.kind) {
    case "message":
      return row.muted ? null : <MessageRow row={row} dim={dim} tools={tools} />;
    case "gap":
      return <Gap row={row} />;
    case "removed":
      return <Removed row={row} />;
    case "notice":
      return (
        <div className={styles.notice} data-key={row.key} tabIndex={-1}>
          {row.text}
        </div>
      );
  }
});

function MessageRow({ row, dim, tools }: RowProps<Message>) {
  const { message, tokens, own, toMe, noted, original } = row;
  const { user, reply_to: reply } = message;
  const looks = [own && styles.own, toMe && styles.toMe, noted && styles.noted, message.action && styles.action];
  const className = [styles.row, ...looks].filter(Boolean).join(" ");
  return (
    <div
      className={className}
      data-key={row.key}
      data-dim={dim || undefined}
      data-fresh={row.key.startsWith("own:") || undefined}
      tabIndex={-1}
    >
      {reply && (
        <button
          type="button"
          className={styles.reply}
          data-action="jump"
          data-target={reply.id}
          data-stop
          tabIndex={-1}
          title="Show what this answers"
        >
          <Icon name="reply" size={16} />
          <span>
            <bdi>@{reply.display_name}</bdi>: <bdi>{reply.excerpt}</bdi>
          </span>
        </button>
      )}
      {toMe && <span className="visually-hidden">To you: </span>}
      {noted && (
        <span className={styles.note} title="It has one of your words in it">
          <Icon name="star" size={14} />
          <span className="visually-hidden">One of your words: </span>
        </span>
      )}
      <time
        className={styles.time}
        dateTime={new Date(message.sent_at).toISOString()}
        title={exactTime(message.sent_at)}
      >
        {clockTime(message.sent_at)}{" "}
      </time>
      {user.badges.map((badge) => (
        <span key={badge} className={styles.badge}>
          {BADGES[badge]}
        </span>
      ))}
      {/* Not a button element: what is in one can't be selected and copied with the line. */}
      {/* biome-ignore lint/a11y/useSemanticElements: as above; the list has the keys. */}
      <span
        className={`name ${styles.name}`}
        style={nameColorStyle(user.color)}
        title={`@${user.username}`}
        role="button"
        data-action="person"
        data-stop
        tabIndex={-1}
      >
        {user.display_name}
      </span>
      <span className={styles.colon}>{message.action ? " " : ": "}</span>
      <Said text={message.text} tokens={tokens} />
      {!message.styled && (
        <span className={styles.plain} title="The room's style failed on this line, so it is shown as it was typed.">
          unstyled
        </span>
      )}
      {original !== null && (
        <span className={styles.original} aria-hidden="true">
          <b>{own ? "You typed" : "Typed"}</b> <bdi>{original}</bdi>
        </span>
      )}
      <span className={styles.actions} data-tools={tools || undefined}>
        {own ? (
          <button
            type="button"
            data-action="original"
            aria-label="Show what I typed"
            title="Hold the line to see what you typed"
          >
            <Icon name="eye" size={16} />
          </button>
        ) : (
          tools && (
            <button type="button" data-action="original" aria-label="Show what was typed" title="What was typed (O)">
              <Icon name="eye" size={16} />
            </button>
          )
        )}
        {tools && (
          <button type="button" data-action="pin" aria-label="Pin for everyone" title="Pin for everyone">
            <Icon name="pin" size={16} />
          </button>
        )}
        {(own || tools) && (
          <button type="button" data-action="delete" aria-label="Delete this message" title="Delete (D)">
            <Icon name="trash" size={16} />
          </button>
        )}
        {tools && !own && (
          <button
            type="button"
            data-action="person"
            aria-label={`Time out or ban ${user.display_name}`}
            title="Time out or ban (B)"
          >
            <Icon name="shield" size={16} />
          </button>
        )}
        {reply && (
          <button type="button" data-action="thread" aria-label="Show the thread" title="Thread (T)">
            <Icon name="thread" size={16} />
          </button>
        )}
        <button type="button" data-action="reply" aria-label={`Reply to ${user.display_name}`} title="Reply (R)">
          <Icon name="reply" size={16} />
        </button>
      </span>
    </div>
  );
}

/** Between messages of two days. */
export const DayRow = memo(function DayRow({ day }: { day: number }) {
  return <div className={styles.day}>{dayName(day, midnight(Date.now()))}</div>;
});

function Gap({ row }: { row: GapRow }) {
  return (
    <div className={styles.gap} data-key={row.key} tabIndex={-1}>
      <span>
        {row.count === null ? "Some messages went by" : `${plural(row.count, "message", "messages")} went by`}
      </span>
      <button type="button" data-action="fill" disabled={row.loading}>
        {row.loading ? "loading…" : "load them"}
      </button>
      <button type="button" data-action="follow">
        jump to now
      </button>
    </div>
  );
}

function Removed({ row }: { row: RemovedRow }) {
  const one = row.own ? "Your message was removed" : "Message removed";
  return (
    <div className={styles.removed} data-key={row.key} tabIndex={-1}>
      {row.count === 1 ? (
        one
      ) : (
        <>
          {count(row.count)} messages by <bdi>{row.own ? "you" : row.displayName}</bdi> removed
        </>
      )}
      {row.kept.length > 0 && (
        <button type="button" data-action="reveal" data-stop tabIndex={-1} aria-expanded={row.revealed}>
          {row.revealed ? "hide" : "show"}
        </button>
      )}
      {row.revealed && (
        <div className={styles.kept}>
          {row.why && <p dir="auto">{row.why}</p>}
          {row.kept.map((message) => (
            <div key={message.id}>
              <bdi className={styles.keptName}>{message.user.display_name}</bdi>:{" "}
              <del dir="auto">
                <Said text={message.text} tokens={tokenize(message.text, message.mentions, null, message.emotes)} />
              </del>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
