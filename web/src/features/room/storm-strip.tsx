import type { RoomSession } from "../../client/room-session";
import { count, plural, rate } from "../../ui/numbers";
import { Sparkline } from "../../ui/sparkline";
import { useSignal } from "../../ui/use-signal";
import styles from "./storm-strip.module.css";

const SAMPLES = 60;

/** Says how much of a fast room is shown, and lets one have all of it. Never live: it changes every second. */
export function StormStrip({ room }: { room: RoomSession }) {
  const { sampled, shownPerSecond, passingPerSecond, passedBy, feed, weather } = useSignal(room.vitals);
  const pulse = useSignal(room.pulse);
  const whole = feed === "full";
  if (!sampled && !(whole && (weather === "busy" || weather === "storm"))) return null;
  return (
    <section className={styles.strip} aria-label="How much of the chat is shown">
      <span className={styles.pulse}>
        <Sparkline samples={pulse} capacity={SAMPLES} width={96} height={20} />
      </span>
      <p title={sampled ? `${plural(passedBy, "message", "messages")} passed by; the history has them all` : undefined}>
        {whole ? (
          <>
            Showing all <b>{rate(passingPerSecond)}/s</b>
          </>
        ) : (
          <>
            Showing <b>{rate(shownPerSecond)}</b> of <b>{rate(passingPerSecond)}/s</b>
            <span className={styles.passed}> · {count(passedBy)} passed by</span>
          </>
        )}
      </p>
      <button type="button" onClick={() => room.setFeed(whole ? "auto" : "full")}>
        {whole ? "Make it readable" : "Show all"}
      </button>
    </section>
  );
}
