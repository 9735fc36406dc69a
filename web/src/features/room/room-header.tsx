import type { ReactNode } from "react";
import type { RoomSession } from "../../client/room-session";
import { IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { count, rate } from "../../ui/numbers";
import { RoomMark } from "../../ui/room-mark";
import { useSignal } from "../../ui/use-signal";
import { WeatherBadge } from "../../ui/weather-badge";
import styles from "./room-header.module.css";

interface Props {
  room: RoomSession;
  title: string;
  description: string;
  /** Opens the list of rooms where there is no rail. */
  onRooms: () => void;
  onCalls: () => void;
  onTime: () => void;
  /** For moderators alone. */
  onModerate: (() => void) | null;
  /** Mentions the reader has not looked at. */
  unseenCalls: number;
  /** Something was said in another room that was visited. */
  newsElsewhere: boolean;
  actions: ReactNode;
}

export function RoomHeader(props: Props) {
  const { room, title, description, onRooms, onCalls, onTime, onModerate, unseenCalls, newsElsewhere, actions } = props;
  const vitals = useSignal(room.vitals);
  const { following } = useSignal(room.log);
  return (
    <header className={styles.header}>
      <RoomMark title={title} size="large" />
      <div className={styles.names}>
        <h1 className={styles.title}>
          <span className={styles.wide}>{title}</span>
          <button type="button" className={styles.narrow} aria-haspopup="dialog" onClick={onRooms}>
            {title} <span aria-hidden="true">▾</span>
            {newsElsewhere && <span className={styles.news} />}
            <span className="visually-hidden">, other rooms{newsElsewhere && ", with news"}</span>
          </button>
        </h1>
        <p className={styles.description}>{description}</p>
      </div>
      <div className={styles.vitals}>
        <span className={styles.viewers} title="People who read this room now">
          <span className={styles.head}>
            <Icon name="person" size={14} />
          </span>
          {count(vitals.viewers)} <span className={styles.word}>{vitals.viewers === 1 ? "person" : "people"}</span>
        </span>
        <span className={styles.weather} title={`${rate(vitals.messagesPerSecond)} messages a second`}>
          <WeatherBadge weather={vitals.weather} />
          {vitals.weather !== "calm" && <span className={styles.rate}>{rate(vitals.messagesPerSecond)}/s</span>}
        </span>
      </div>
      {onModerate && (
        <IconButton className={styles.moderate} label="Moderation" onClick={onModerate}>
          <Icon name="shield" />
        </IconButton>
      )}
      <IconButton className={styles.time} label="Go to a time" onClick={onTime}>
        <Icon name="clock" />
      </IconButton>
      <IconButton
        className={styles.calls}
        data-unseen={unseenCalls > 0 || undefined}
        label={unseenCalls === 0 ? "Mentions" : `Mentions, ${unseenCalls} new`}
        onClick={onCalls}
      >
        <Icon name="at" />
        {unseenCalls > 0 && <span className={styles.unseen}>{unseenCalls > 9 ? "9+" : unseenCalls}</span>}
      </IconButton>
      <IconButton
        label={following ? "Pause the chat" : "Back to the newest"}
        onClick={() => (following ? room.pause() : room.follow())}
      >
        <Icon name={following ? "pause" : "play"} />
      </IconButton>
      <div className={styles.actions}>{actions}</div>
    </header>
  );
}
