import type { Room } from "../../protocol/__generated__/protocol";
import { IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { StyledText } from "../../ui/styled-text";
import styles from "./room-card.module.css";

interface Props {
  room: Room;
  /** Absent where the card stays. */
  onDismiss?: () => void;
}

/** What this room does, shown by doing it. */
export function RoomCard({ room, onDismiss }: Props) {
  const { sample_in: plain, sample_out: styled } = room.transformer;
  return (
    <section className={styles.card} aria-label={`About ${room.title}`} data-inline={onDismiss ? true : undefined}>
      <p className={styles.description}>{room.description}</p>
      <div className={styles.sample}>
        <p className={styles.plain}>
          <span className={styles.label}>You type</span>
          <span>{plain}</span>
        </p>
        <p className={styles.styled} dir="auto">
          <span className={styles.label}>They read</span>
          <span className={styles.wipe}>
            <StyledText original={plain} styled={styled} />
          </span>
        </p>
      </div>
      {room.settings.slow_mode_seconds > 0 && (
        <p className={styles.rule}>Slow mode: one line every {room.settings.slow_mode_seconds} s.</p>
      )}
      <p className={styles.rule}>What you type is kept for you and the room's moderators.</p>
      {onDismiss && (
        <IconButton className={styles.close} label="Dismiss" onClick={onDismiss}>
          <Icon name="close" size={16} />
        </IconButton>
      )}
    </section>
  );
}
