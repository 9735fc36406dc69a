import { useEffect, useState } from "react";
import { secondsUntil } from "../../ui/problem-text";

/** Whole seconds until a time, counted down; 0 when it is over or there is none. */
export function useSecondsLeft(time: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  const left = time === null ? 0 : secondsUntil(time, now);
  useEffect(() => {
    setNow(Date.now());
    if (time === null) return;
    const timer = setInterval(() => {
      // One reading for both: between two the time may come, and the last second would stand for ever.
      const read = Date.now();
      setNow(read);
      if (read >= time) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [time]);
  return left;
}
