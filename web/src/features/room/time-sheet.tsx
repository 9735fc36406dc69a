import { type FormEvent, useState } from "react";
import type { RoomSession } from "../../client/room-session";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { problemText } from "../../ui/problem-text";
import { Sheet } from "../../ui/sheet";
import styles from "./time-sheet.module.css";
import { inputTime } from "./times";

const MINUTE = 60_000;
const AGO = [
  { label: "10 minutes ago", ms: 10 * MINUTE },
  { label: "An hour ago", ms: 60 * MINUTE },
  { label: "A day ago", ms: 24 * 60 * MINUTE },
  { label: "The beginning", ms: Number.POSITIVE_INFINITY },
];

/** Where in the room's past one wants to read. */
export function TimeSheet({ room, onClose }: { room: RoomSession; onClose: () => void }) {
  const [wanted, setWanted] = useState(() => inputTime(Date.now()));
  const [state, setState] = useState<"idle" | "busy" | "failed" | "empty">("idle");

  const go = async (time: number) => {
    setState("busy");
    const found = await room.jumpTo(time);
    if (found) onClose();
    else setState(room.log.getSnapshot().jump === "failed" ? "failed" : "empty");
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const time = new Date(wanted).getTime();
    if (!Number.isNaN(time)) void go(time);
  };

  return (
    <Sheet title="Go to a time" onClose={onClose}>
      <form className={styles.form} onSubmit={submit}>
        <div className={styles.ago}>
          {AGO.map(({ label, ms }) => (
            <Button key={label} disabled={state === "busy"} onClick={() => void go(Math.max(0, Date.now() - ms))}>
              {label}
            </Button>
          ))}
        </div>
        <Field
          label="Or a time of your choice"
          type="datetime-local"
          required
          value={wanted}
          max={inputTime(Date.now())}
          hint="In your own time zone."
          onChange={(event) => setWanted(event.target.value)}
        />
        {state === "failed" && <Problem text={problemText("unreachable")} />}
        {state === "empty" && <Problem text="Nothing was said here from that time on." />}
        <Button kind="ink" type="submit" disabled={state === "busy"}>
          {state === "busy" ? "Looking…" : "Show the chat then"}
        </Button>
      </form>
    </Sheet>
  );
}
