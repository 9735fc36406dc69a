import { weatherOf } from "../../client/weather";
import type { Room } from "../../protocol/__generated__/protocol";
import { roomAccent } from "../../ui/accent";
import { Icon } from "../../ui/icon";
import { plural, rate } from "../../ui/numbers";
import { RoomMark } from "../../ui/room-mark";
import { Sparkline } from "../../ui/sparkline";
import { WeatherBadge } from "../../ui/weather-badge";
import styles from "./style-card.module.css";

interface Props {
  room: Room;
  said: string;
  styled: string;
  pulse: readonly number[];
  href: string;
  onEnter: (slug: string) => void;
}

const SAMPLES = 13;
/** Fewer bars look like a blot, not like a rate. */
const SAMPLES_MIN = 3;

/** One room, and what it would make of a sentence. All of it is the way in. */
export function StyleCard({ room, said, styled, pulse, href, onEnter }: Props) {
  return (
    <li className={styles.card} {...roomAccent(room.slug)}>
      <div className={styles.head}>
        <RoomMark title={room.title} size="large" />
        <div>
          <h2 className={styles.title}>
            <a
              href={href}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                onEnter(room.slug);
              }}
            >
              {room.title}
            </a>
          </h2>
          <p className={styles.description}>{room.description}</p>
        </div>
      </div>
      <div className={styles.take}>
        <p className={styles.said}>
          <span className="visually-hidden">You say: </span>“{said}”
        </p>
        <p className={styles.styled} key={styled} dir="auto" data-testid={`take-${room.slug}`}>
          {styled}
        </p>
      </div>
      <div className={styles.foot}>
        <span className={styles.numbers}>
          {room.viewers === 0 ? "Nobody here right now" : plural(room.viewers, "person here", "people here")}
          {room.messages_per_second > 0 && ` · ${rate(room.messages_per_second)}/s`}
        </span>
        <WeatherBadge weather={weatherOf(room.messages_per_second)} />
      </div>
      <div className={styles.pulse}>
        <Sparkline samples={pulse.length < SAMPLES_MIN ? [] : pulse} capacity={SAMPLES} width={130} height={24} />
      </div>
      <span aria-hidden="true" className={styles.enter}>
        Go in <Icon name="arrow" size={16} />
      </span>
    </li>
  );
}
