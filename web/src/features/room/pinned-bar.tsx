import { useState } from "react";
import type { RoomSession } from "../../client/room-session";
import type { KeyValue } from "../../client/storage";
import { Button, IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { nameColorStyle } from "../../ui/name-color-style";
import { useSignalPart } from "../../ui/use-signal";
import styles from "./pinned-bar.module.css";

interface Props {
  room: RoomSession;
  storage: KeyValue;
  /** For moderators: takes it down for everyone. */
  onUnpin: (() => void) | null;
}

/** What a moderator wants everyone to read first; away for good once this person has closed it. */
export function PinnedBar({ room, storage, onUnpin }: Props) {
  const pinned = useSignalPart(room.vitals, (vitals) => vitals.pinned);
  const key = `twitchy.pinned.${room.slug}`;
  const [closed, setClosed] = useState(() => storage.get(key));
  if (!pinned || pinned.id === closed) return null;
  return (
    <section className={styles.bar} aria-label="Pinned message">
      <Icon name="pin" size={16} />
      <p>
        <bdi className="name" style={nameColorStyle(pinned.user.color)}>
          {pinned.user.display_name}
        </bdi>
        : <bdi>{pinned.text}</bdi>
      </p>
      {onUnpin && (
        <Button kind="quiet" onClick={onUnpin}>
          Take down
        </Button>
      )}
      <IconButton
        label="Close the pinned message"
        onClick={() => {
          storage.set(key, pinned.id);
          setClosed(pinned.id);
        }}
      >
        <Icon name="close" size={16} />
      </IconButton>
    </section>
  );
}
