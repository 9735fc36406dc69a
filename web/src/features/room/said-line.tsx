import { type Token, tokenize } from "../../client/tokens";
import type { ChatMessage } from "../../protocol/message";
import { EmoteImage } from "../../ui/emote-image";
import { nameColorStyle } from "../../ui/name-color-style";
import { plainForReaders } from "../../ui/plain-text";
import styles from "./said-line.module.css";
import { clockTime, exactTime } from "./times";

/** A message outside the log: in a thread, among those who called, on a card. */
export function SaidLine({
  message,
  me,
  nameless = false,
  onJump,
}: {
  message: ChatMessage;
  me: string | null;
  /** Where all lines are one person's. */
  nameless?: boolean;
  onJump: (id: string) => void;
}) {
  return (
    <li className={styles.line}>
      <div className={styles.head}>
        {!nameless && (
          <bdi className="name" style={nameColorStyle(message.user.color)}>
            {message.user.display_name}
          </bdi>
        )}
        <button
          type="button"
          className={styles.time}
          title={`${exactTime(message.sent_at)}: show in the chat`}
          onClick={() => onJump(message.id)}
        >
          {clockTime(message.sent_at)}
          <span className="visually-hidden">, show in the chat</span>
        </button>
      </div>
      <Said text={message.text} tokens={tokenize(message.text, message.mentions, me, message.emotes)} />
    </li>
  );
}

/** Text of a message as it looks, and beside it as it is to be read out where those differ. */
export function Said({ text, tokens }: { text: string; tokens: readonly Token[] }) {
  const plain = plainForReaders(text);
  if (plain === text)
    return (
      <span className={styles.text} dir="auto">
        <Tokens tokens={tokens} />
      </span>
    );
  return (
    <>
      <span className="visually-hidden">{plain}</span>
      <span className={styles.text} dir="auto" aria-hidden="true">
        <Tokens tokens={tokens} />
      </span>
    </>
  );
}

/** Emotes of a line that Tab stops at; the rest are told by their names like all of them. */
const STOPS_MAX = 8;
const EMOTE_SIZE = 28;

function Tokens({ tokens }: { tokens: readonly Token[] }) {
  let emotes = 0;
  return tokens.map((token, at) => {
    // biome-ignore-start lint/suspicious/noArrayIndexKey: tokens of a line never change places.
    switch (token.kind) {
      case "text":
        return <span key={at}>{token.text}</span>;
      case "link":
        return (
          <a key={at} href={token.href} target="_blank" rel="noopener noreferrer nofollow ugc" data-stop tabIndex={-1}>
            {token.text}
          </a>
        );
      case "emote":
        emotes += 1;
        return <EmoteImage key={at} id={token.id} name={token.text} size={EMOTE_SIZE} stop={emotes <= STOPS_MAX} />;
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
