import type { RoomSession } from "../../client/room-session";
import { SidePanel } from "../../ui/side-panel";
import { useSignal } from "../../ui/use-signal";
import styles from "./panel-list.module.css";
import { SaidLine } from "./said-line";

/** Who called the reader since the page was opened, newest first. */
export function CallsPanel({ room, me, onClose }: { room: RoomSession; me: string | null; onClose: () => void }) {
  const calls = useSignal(room.calls);
  return (
    <SidePanel title="Mentions" onClose={onClose}>
      {calls.length === 0 ? (
        <p className={styles.empty}>No one has called you yet.</p>
      ) : (
        <ul className={styles.list}>
          {[...calls].reverse().map((message) => (
            <SaidLine key={message.id} message={message} me={me} onJump={(id) => void room.reveal(id)} />
          ))}
        </ul>
      )}
    </SidePanel>
  );
}
