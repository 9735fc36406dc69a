import { useEffect } from "react";
import type { RoomDirectory } from "../../client/room-directory";
import { roomAccent } from "../../ui/accent";
import { count, rate } from "../../ui/numbers";
import { RoomMark } from "../../ui/room-mark";
import { useSignal } from "../../ui/use-signal";
import styles from "./rooms-rail.module.css";

interface Props {
  directory: RoomDirectory;
  current: string;
  /** What the room one is in says of itself is newer than the list. */
  currentViewers?: number;
  roomHref: (slug: string) => string;
  onEnter: (slug: string) => void;
  /** `rail` folds to the marks alone where there is little room; `list` never does. */
  form: "rail" | "list";
}

export function RoomsRail({ directory, current, currentViewers, roomHref, onEnter, form }: Props) {
  const state = useSignal(directory.state);
  useEffect(() => directory.watch(), [directory]);
  if (state.kind !== "ready") {
    return <p className={styles.note}>{state.kind === "loading" ? "" : "Rooms can't be loaded."}</p>;
  }
  return (
    <ul className={`${styles.rooms} ${styles[form]}`}>
      {state.rooms.map((room) => (
        <li key={room.slug} {...roomAccent(room.slug)}>
          <a
            className={styles.room}
            href={roomHref(room.slug)}
            aria-current={room.slug === current ? "page" : undefined}
            title={`${room.title}: ${count(room.viewers)} here, ${rate(room.messages_per_second)}/s`}
            onClick={(event) => {
              if (event.metaKey || event.ctrlKey || event.shiftKey) return;
              event.preventDefault();
              onEnter(room.slug);
            }}
          >
            <RoomMark title={room.title} />
            <span className={styles.name}>{room.title}</span>
            <span className={styles.viewers}>
              {count(room.slug === current ? (currentViewers ?? room.viewers) : room.viewers)}
              <span className="visually-hidden"> people</span>
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}
