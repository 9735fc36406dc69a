import { useEffect } from "react";
import type { RoomDirectory } from "../../client/room-directory";
import type { News, Unread } from "../../client/unread";
import type { Room } from "../../protocol/__generated__/protocol";
import { roomAccent } from "../../ui/accent";
import { count, rate } from "../../ui/numbers";
import { RoomMark } from "../../ui/room-mark";
import { useSignal } from "../../ui/use-signal";
import styles from "./rooms-rail.module.css";

interface Props {
  directory: RoomDirectory;
  unread: Unread;
  current: string;
  /** What the room one is in says of itself is newer than the list. */
  currentViewers?: number;
  roomHref: (slug: string) => string;
  onEnter: (slug: string) => void;
  /** `rail` folds to the marks alone where there is little room; `list` never does. */
  form: "rail" | "list";
  /** Only rooms whose name has this in it. */
  filter?: string;
}

export function RoomsRail(props: Props) {
  const { directory, unread, current, currentViewers, roomHref, onEnter, form, filter = "" } = props;
  const state = useSignal(directory.state);
  const news = useSignal(unread.news);
  useEffect(() => directory.watch(), [directory]);
  if (state.kind !== "ready") {
    return <p className={styles.note}>{state.kind === "loading" ? "" : "Rooms can't be loaded."}</p>;
  }
  return (
    <ul className={`${styles.rooms} ${styles[form]}`}>
      {roomsNamed(openRooms(state.rooms, current), filter).map((room) => (
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
            <NewsMark news={news.get(room.slug)} />
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

/** Closed rooms are there for admins, and not in their way. */
export const openRooms = (rooms: readonly Room[], current: string): readonly Room[] =>
  rooms.filter((room) => !room.archived || room.slug === current);

export function roomsNamed(rooms: readonly Room[], part: string): readonly Room[] {
  const wanted = part.trim().toLowerCase();
  return rooms.filter((room) => room.slug.includes(wanted) || room.title.toLowerCase().includes(wanted));
}

function NewsMark({ news }: { news: News | undefined }) {
  if (!news) return null;
  return (
    <span className={styles.news} data-calls={news.calls || undefined}>
      {news.calls && "@"}
      {news.count >= 100 ? "99+" : news.count}
      <span className="visually-hidden"> new{news.calls && ", some to you"}</span>
    </span>
  );
}
