import type { RoomSession } from "../../client/room-session";
import type { ChatMessage } from "../../protocol/message";
import { Button } from "../../ui/button";
import { SidePanel } from "../../ui/side-panel";
import { useSignal } from "../../ui/use-signal";
import styles from "./panel-list.module.css";
import { SaidLine } from "./said-line";

interface Props {
  room: RoomSession;
  /** Any message of the thread. */
  id: string;
  me: string | null;
  onReply: (message: ChatMessage) => void;
  onClose: () => void;
}

/** One conversation out of the stream, growing as it goes on. */
export function ThreadPanel({ room, id, me, onReply, onClose }: Props) {
  // Looked up anew with every commit: answers come in.
  useSignal(room.log);
  const thread = room.recall.thread(id);
  const last = thread?.messages.at(-1);
  return (
    <SidePanel title="Thread" onClose={onClose}>
      {thread?.missing && (
        <p className={styles.missing}>
          Began with <bdi>@{thread.missing.display_name}</bdi>: <bdi>{thread.missing.excerpt}</bdi>{" "}
          <button type="button" onClick={() => void room.reveal(thread.missing?.id ?? "")}>
            show it
          </button>
        </p>
      )}
      {last ? (
        <ul className={styles.list}>
          {thread?.messages.map((message) => (
            <SaidLine key={message.id} message={message} me={me} onJump={(target) => void room.reveal(target)} />
          ))}
        </ul>
      ) : (
        <p className={styles.empty}>These messages are gone.</p>
      )}
      {last && (
        <div className={styles.foot}>
          <Button onClick={() => onReply(last)}>Reply to {last.user.display_name}</Button>
        </div>
      )}
    </SidePanel>
  );
}
