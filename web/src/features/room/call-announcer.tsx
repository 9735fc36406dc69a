import { useEffect, useRef } from "react";
import type { RoomSession } from "../../client/room-session";
import { Announcer } from "./announcer";

/** Reads out lines that call the reader, and counts them in the title while the page is hidden. */
export function CallAnnouncer({ room, title }: { room: RoomSession; title: string }) {
  const region = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const announcer = new Announcer(
      (text) => {
        const line = document.createElement("p");
        line.textContent = text;
        region.current?.append(line);
        return () => line.remove();
      },
      (ms, run) => setTimeout(run, ms),
    );
    const plainTitle = `${title} · Twitchy`;
    document.title = plainTitle;
    let lastId = room.calls.getSnapshot().at(-1)?.id;
    let unseen = 0;
    const stop = room.calls.subscribe(() => {
      const calls = room.calls.getSnapshot();
      const known = calls.findIndex((call) => call.id === lastId);
      for (const call of calls.slice(known + 1)) {
        announcer.called(call);
        unseen += 1;
      }
      lastId = calls.at(-1)?.id;
      if (document.hidden && unseen > 0) document.title = `(${unseen}) ${plainTitle}`;
    });
    const seen = () => {
      if (document.hidden) return;
      unseen = 0;
      document.title = plainTitle;
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [room, title]);

  return (
    <div ref={region} className="visually-hidden" aria-live="polite" aria-atomic="false" data-testid="announcer" />
  );
}
