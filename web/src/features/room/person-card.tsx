import type { ReactNode } from "react";
import type { Muted } from "../../client/muted";
import type { RoomSession } from "../../client/room-session";
import { Button } from "../../ui/button";
import { nameColorStyle } from "../../ui/name-color-style";
import { Sheet } from "../../ui/sheet";
import { useSignal } from "../../ui/use-signal";
import styles from "./person-card.module.css";
import { SaidLine } from "./said-line";

interface Props {
  room: RoomSession;
  roomTitle: string;
  muted: Muted;
  username: string;
  me: string | null;
  /** Whether all others are dimmed already. */
  alone: boolean;
  onAlone: (alone: boolean) => void;
  onMention: (displayName: string) => void;
  onClose: () => void;
  /** What moderators can do. */
  children?: ReactNode;
}

/** Who someone is in this room: what they said lately, and what one can do about them. */
export function PersonCard(props: Props) {
  const { room, roomTitle, muted, username, me, alone, onAlone, onMention, onClose, children } = props;
  const isMuted = useSignal(muted.names).has(username);
  useSignal(room.log);
  const lines = room.recall.linesOf(username);
  const person = room.recall.person(username);
  const name = person?.displayName ?? username;
  return (
    <Sheet title={name} onClose={onClose}>
      <p className={styles.who}>
        <span className={styles.dot} style={nameColorStyle(person?.color ?? "#808080")} />@{username}
      </p>
      {me !== username && (
        <div className={styles.actions}>
          <Button onClick={() => onMention(name)}>Mention</Button>
          <Button aria-pressed={alone} onClick={() => onAlone(!alone)}>
            {alone ? "Show all alike" : "Dim the others"}
          </Button>
          <Button aria-pressed={isMuted} onClick={() => muted.set(username, !isMuted)}>
            {isMuted ? "Unmute" : "Mute"}
          </Button>
        </div>
      )}
      {isMuted && <p className={styles.note}>You don't see what {name} says, in any room. Nobody is told.</p>}
      {children}
      <h3 className={styles.heading}>Lately in {roomTitle}</h3>
      {lines.length === 0 ? (
        <p className={styles.note}>Nothing since you came.</p>
      ) : (
        <ul className={styles.lines}>
          {lines.map((message) => (
            <SaidLine
              key={message.id}
              message={message}
              me={me}
              nameless
              onJump={(id) => {
                onClose();
                void room.reveal(id);
              }}
            />
          ))}
        </ul>
      )}
    </Sheet>
  );
}
