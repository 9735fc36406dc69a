import { type KeyboardEvent, useId, useRef, useState } from "react";
import type { RoomModeration } from "../../client/room-moderation";
import type { RoomSession } from "../../client/room-session";
import type { Toasts } from "../../client/toasts";
import type { Role, Room } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { SidePanel } from "../../ui/side-panel";
import { LogTab } from "./log-tab";
import styles from "./moderation.module.css";
import { PeopleTab } from "./people-tab";
import { PhrasesTab } from "./phrases-tab";
import { RoomTab } from "./room-tab";

const TABS = ["Room", "People", "Phrases", "Log"] as const;

interface Props {
  room: RoomSession;
  info: Room | null;
  moderation: RoomModeration;
  toasts: Toasts;
  role: Role;
  onPerson: (username: string) => void;
  /** For admins alone. */
  onAdmin: ((what: "emotes" | "rooms") => void) | null;
  onClose: () => void;
}

/** Everything a moderator sets and looks up, beside the chat that goes on. */
export function ModerationPanel({ room, info, moderation, toasts, role, onPerson, onAdmin, onClose }: Props) {
  const [tab, setTab] = useState<(typeof TABS)[number]>("Room");
  const id = useId();
  const bar = useRef<HTMLDivElement>(null);

  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = (TABS.indexOf(tab) + by + TABS.length) % TABS.length;
    setTab(TABS[next] ?? "Room");
    bar.current?.querySelectorAll<HTMLElement>('[role="tab"]')[next]?.focus();
  };

  return (
    <SidePanel title="Moderation" onClose={onClose}>
      <div ref={bar} className={styles.tabs} role="tablist" aria-label="Moderation" onKeyDown={onKeyDown}>
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === tab}
            aria-controls={`${id}-panel`}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => setTab(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <div className={styles.tab} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {tab === "Room" && <RoomTab room={room} info={info} role={role} moderation={moderation} toasts={toasts} />}
        {tab === "Room" && onAdmin && (
          <div className={styles.pair}>
            <Button onClick={() => onAdmin("emotes")}>Emotes…</Button>
            <Button onClick={() => onAdmin("rooms")}>Rooms…</Button>
          </div>
        )}
        {tab === "People" && <PeopleTab moderation={moderation} toasts={toasts} role={role} onPerson={onPerson} />}
        {tab === "Phrases" && <PhrasesTab moderation={moderation} />}
        {tab === "Log" && <LogTab moderation={moderation} />}
      </div>
    </SidePanel>
  );
}
