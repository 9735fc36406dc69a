import { useEffect, useState } from "react";
import type { Connection } from "../../client/connection";
import type { RoomSession } from "../../client/room-session";
import { plural } from "../../ui/numbers";
import { secondsUntil } from "../../ui/problem-text";
import { useSignal } from "../../ui/use-signal";
import styles from "./connection-strip.module.css";

/** A short loss needs no words; after this long it does. */
const QUIET_MS = 1_000;
/** From here on the wait is counted down and can be cut short. */
const COUNT_AFTER_MS = 5_000;
const BACK_SHOWN_MS = 2_000;

export function ConnectionStrip({ connection, room }: { connection: Connection; room: RoomSession }) {
  const state = useSignal(connection.state);
  const caughtUp = useSignal(room.caughtUp);
  const [now, setNow] = useState(() => Date.now());
  const [wasTold, setWasTold] = useState(false);
  const lostAt = "lostAt" in state ? state.lostAt : null;
  const away = lostAt === null ? 0 : now - lostAt;
  const telling = lostAt !== null && away >= QUIET_MS;

  useEffect(() => {
    if (lostAt === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [lostAt]);

  useEffect(() => {
    if (telling) setWasTold(true);
  }, [telling]);

  useEffect(() => {
    if (caughtUp === null) return;
    const timer = setTimeout(() => {
      room.toldCaughtUp();
      setWasTold(false);
    }, BACK_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [room, caughtUp]);

  if (telling) {
    const wait = state.phase === "waiting" ? secondsUntil(state.retryAt, now) : 0;
    return (
      <div className={styles.strip} role="status" data-state="lost">
        <span className={styles.dot} aria-hidden="true" />
        {state.phase === "waiting" && state.crowded ? "The server is full. Reconnecting…" : "Reconnecting…"}
        {away >= COUNT_AFTER_MS && state.phase === "waiting" && (
          <>
            {wait > 0 && <span aria-hidden="true">in {wait} s</span>}
            <button type="button" onClick={() => connection.retryNow()}>
              Try now
            </button>
          </>
        )}
      </div>
    );
  }
  if (caughtUp !== null && wasTold) {
    return (
      <div className={styles.strip} role="status" data-state="back">
        <span className={styles.dot} aria-hidden="true" />
        Back{caughtUp > 0 ? ` · ${plural(caughtUp, "message", "messages")} caught up` : ""}
      </div>
    );
  }
  return null;
}
