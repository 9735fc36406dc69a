import type { RoomSession } from "../../client/room-session";
import type { Room } from "../../protocol/__generated__/protocol";
import { rate } from "../../ui/numbers";
import { Sparkline } from "../../ui/sparkline";
import { useSignal } from "../../ui/use-signal";
import styles from "./context-panel.module.css";
import { RoomCard } from "./room-card";

const SAMPLES = 60;

/** What stands beside the chat where there is room for it. */
export function ContextPanel({ session, room }: { session: RoomSession; room: Room }) {
  const vitals = useSignal(session.vitals);
  const pulse = useSignal(session.pulse);
  return (
    <aside className={styles.panel} aria-label="About this room">
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
    </aside>
  );
}
