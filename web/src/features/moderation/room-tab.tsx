import { useState } from "react";
import { leads, type RoomModeration } from "../../client/room-moderation";
import type { RoomSession } from "../../client/room-session";
import type { Toasts } from "../../client/toasts";
import type { Role, Room, SettingsBody } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Check, Choice } from "../../ui/choice";
import { Problem } from "../../ui/problem";
import { useSignalPart } from "../../ui/use-signal";
import { useWork } from "../../ui/use-work";
import styles from "./moderation.module.css";
import { WordsForm } from "./words-form";

/** Seconds between two lines of one person; the protocol takes up to two minutes. */
const SLOW = [0, 5, 10, 30, 60, 120] as const;
const slowName = (seconds: number): string =>
  seconds === 0 ? "Off" : seconds < 60 ? `${seconds} s` : `${seconds / 60} m`;

/** What one press asks of a room that has got out of hand. */
const CALM = { slow_mode_seconds: 30, emote_only: true };
const FREE = { slow_mode_seconds: 0, emote_only: false };

interface Props {
  room: RoomSession;
  /** What the list of rooms says of it, if that is there. */
  info: Room | null;
  role: Role;
  moderation: RoomModeration;
  toasts: Toasts;
}

/** What a room asks of those who talk. The controls show what the server says, not what was pressed. */
export function RoomTab({ room, info, role, moderation, toasts }: Props) {
  const settings = useSignalPart(room.vitals, (vitals) => vitals.settings);
  const pinned = useSignalPart(room.vitals, (vitals) => vitals.pinned);
  const { busy, problem, work } = useWork();
  const [sure, setSure] = useState(false);
  /** How the room was before it was calmed from here. */
  const [before, setBefore] = useState(FREE);
  const { slow_mode_seconds: slow } = settings;
  const steps = SLOW.some((step) => step === slow) ? SLOW : [...SLOW, slow].sort((a, b) => a - b);

  const calmed = slow >= CALM.slow_mode_seconds && settings.emote_only;
  const calm = () => {
    setBefore({ slow_mode_seconds: slow, emote_only: settings.emote_only });
    set(CALM);
  };

  const set = (change: SettingsBody) => void work(() => moderation.settings(change));
  const clear = async () => {
    setSure(false);
    if (await work(() => moderation.clear(null))) toasts.say("The chat is cleared");
  };

  return (
    <>
      <Choice
        legend="Slow mode: one line every"
        options={steps.map((value) => ({ value, label: slowName(value) }))}
        value={slow}
        disabled={busy}
        onChange={(seconds) => set({ slow_mode_seconds: seconds })}
      />
      <Check disabled={busy} checked={settings.emote_only} onChange={(only) => set({ emote_only: only })}>
        Only emotes
      </Check>
      <Check disabled={busy} checked={settings.unique_chat} onChange={(once) => set({ unique_chat: once })}>
        Each line only once
      </Check>
      {calmed ? (
        <Button disabled={busy} onClick={() => set(before)}>
          Let people talk again
        </Button>
      ) : (
        <Button kind="danger" disabled={busy} onClick={calm}>
          Calm it: 30 s and only emotes
        </Button>
      )}
      <Problem text={problem} />
      {pinned && (
        <div className={styles.state}>
          <p className={styles.detail}>
            Pinned: <bdi>{pinned.text}</bdi>
          </p>
          <Button disabled={busy} onClick={() => void work(() => moderation.unpin())}>
            Take it down
          </Button>
        </div>
      )}
      {leads(role) && info && (
        <div className={styles.away}>
          <WordsForm info={info} moderation={moderation} toasts={toasts} />
        </div>
      )}
      <div className={styles.away}>
        {sure ? (
          <>
            <p>Everything that was said here goes, for everyone.</p>
            <div className={styles.row}>
              <Button kind="danger" disabled={busy} onClick={() => void clear()}>
                Clear it
              </Button>
              <Button onClick={() => setSure(false)}>Keep it</Button>
            </div>
          </>
        ) : (
          <Button kind="quiet" onClick={() => setSure(true)}>
            Clear the chat…
          </Button>
        )}
      </div>
    </>
  );
}
