import { memo } from "react";
import type { GapRow, MessageRow as Message, RemovedRow, Row } from "../../client/rows";
import type { Token } from "../../client/tokens";
import type { Badge } from "../../protocol/__generated__/protocol";
import { Icon } from "../../ui/icon";
import { nameColorStyle } from "../../ui/name-color-style";
import { count, plural } from "../../ui/numbers";
import { plainForReaders } from "../../ui/plain-text";
import styles from "./message-row.module.css";

const BADGES: Record<Badge, string> = {
  broadcaster: "host",
  moderator: "mod",
  vip: "vip",
  founder: "founder",
  bot: "bot",
};

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** One row of the log. All its buttons are told apart by `data-action`; the list has the one handler. */
export const LogRow = memo(function LogRow({ row }: { row: Row }) {
  switch (row.kind) {
    case "message":
      return <MessageRow row={row} />;
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

function MessageRow({ row }: { row: Message }) {
  const { message, tokens, own, toMe, original } = row;
  const { user, reply_to: reply } = message;
  const plain = plainForReaders(message.text);
  const className = [styles.row, own && styles.own, toMe && styles.toMe, message.action && styles.action]
    .filter(Boolean)
    .join(" ");
  return (
    <div className={className} data-key={row.key} data-fresh={row.key.startsWith("own:") || undefined} tabIndex={-1}>
      {reply && (
        <button type="button" className={styles.reply} data-action="jump" data-target={reply.id} tabIndex={-1}>
          <Icon name="reply" size={16} />
          <span>
            <bdi>@{reply.display_name}</bdi>: {reply.excerpt}
          </span>
        </button>
      )}
      {toMe && <span className="visually-hidden">To you: </span>}
      <time
        className={styles.time}
        dateTime={new Date(message.sent_at).toISOString()}
        title={exact.format(message.sent_at)}
      >
        {clock.format(message.sent_at)}{" "}
      </time>
      {user.badges.map((badge) => (
        <span key={badge} className={styles.badge}>
          {BADGES[badge]}
        </span>
      ))}
      <bdi className="name" style={nameColorStyle(user.color)} title={`@${user.username}`}>
        {user.display_name}
      </bdi>
      <span className={styles.colon}>{message.action ? " " : ": "}</span>
      {plain === message.text ? (
        <span className={styles.text} dir="auto">
          <Tokens tokens={tokens} />
        </span>
      ) : (
        <>
          <span className="visually-hidden">{plain}</span>
          <span className={styles.text} dir="auto" aria-hidden="true">
            <Tokens tokens={tokens} />
          </span>
        </>
      )}
      {!message.styled && (
        <span className={styles.plain} title="The room's style failed on this line, so it is shown as it was typed.">
          unstyled
        </span>
      )}
      {own && original !== null && (
        <span className={styles.original} aria-hidden="true">
          <b>You typed</b> {original}
        </span>
      )}
      <span className={styles.actions}>
        {own && (
          <button
            type="button"
            data-action="original"
            aria-label="Show what I typed"
            title="Hold the line to see what you typed"
          >
            <Icon name="eye" size={16} />
          </button>
        )}
        <button type="button" data-action="reply" aria-label={`Reply to ${user.display_name}`} title="Reply (R)">
          <Icon name="reply" size={16} />
        </button>
      </span>
    </div>
  );
}

function Tokens({ tokens }: { tokens: readonly Token[] }) {
  return tokens.map((token, at) => {
    // biome-ignore-start lint/suspicious/noArrayIndexKey: tokens of a line never change places.
    switch (token.kind) {
      case "text":
        return <span key={at}>{token.text}</span>;
      case "link":
        return (
          <a key={at} href={token.href} target="_blank" rel="noopener noreferrer nofollow ugc" tabIndex={-1}>
            {token.text}
          </a>
        );
      case "mention":
        return (
          <b key={at} className={token.me ? styles.me : styles.mention}>
            {token.text}
          </b>
        );
    }
    // biome-ignore-end lint/suspicious/noArrayIndexKey: as above.
    return null;
  });
}

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
  const one = row.own ? "Your message was removed by a moderator" : "Message removed";
  return (
    <div className={styles.removed} data-key={row.key} tabIndex={-1}>
      {row.count === 1 ? (
        one
      ) : (
        <>
          {count(row.count)} messages by <bdi>{row.own ? "you" : row.displayName}</bdi> removed
        </>
      )}
    </div>
  );
}
