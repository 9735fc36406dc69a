import type { ReactNode } from "react";
import type { RoomSession } from "../../client/room-session";
import type { Room } from "../../protocol/__generated__/protocol";
import { nameColorStyle } from "../../ui/name-color-style";
import { rate } from "../../ui/numbers";
import { Sparkline } from "../../ui/sparkline";
import { useSignal } from "../../ui/use-signal";
import styles from "./context-panel.module.css";
import { RoomCard } from "./room-card";

const SAMPLES = 60;

/** What stands beside the chat where there is room for it. */
export function ContextPanel({ session, room, children }: { session: RoomSession; room: Room; children?: ReactNode }) {
  const vitals = useSignal(session.vitals);
  const pulse = useSignal(session.pulse);
  return (
    <aside className={styles.panel} aria-label="About this room">
      {vitals.pinned && (
        <section className={styles.block}>
          <h2>Pinned</h2>
          <p className={styles.pinned}>
            <bdi className="name" style={nameColorStyle(vitals.pinned.user.color)}>
              {vitals.pinned.user.display_name}
            </bdi>
            : {vitals.pinned.text}
          </p>
        </section>
      )}
      <section className={styles.block}>
        <h2>What happens here</h2>
        <RoomCard room={room} />
      </section>
      <section className={styles.block}>
        <h2>
          Last minute <span>{rate(vitals.messagesPerSecond)} messages/s now</span>
        </h2>
        <div className={styles.pulse}>
          <Sparkline samples={pulse} capacity={SAMPLES} width={300} height={48} />
        </div>
      </section>
      {children}
    </aside>
  );
}
