import { useEffect, useRef } from "react";
import type { RoomSession } from "../../client/room-session";
import type { SettingsStore } from "../../client/settings";
import { chime } from "../../ui/chime";
import { Announcer } from "./announcer";

/** Many calls at once are one sound. */
const CHIME_EVERY_MS = 3_000;

interface Props {
  room: RoomSession;
  title: string;
  settings: SettingsStore;
}

/**
 * Reads out lines that call the reader, and counts them in the title while the page is hidden. What only has one of their
 * words in it makes no sound: a mark in the title tells of it.
 */
export function CallAnnouncer({ room, title, settings }: Props) {
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
    let noted = false;
    let chimedAt = 0;
    const calling = new Set<string>();
    const told = () => {
      if (document.hidden && (unseen > 0 || noted)) document.title = `(${unseen || "•"}) ${plainTitle}`;
    };
    const stop = room.calls.subscribe(() => {
      const calls = room.calls.getSnapshot();
      const known = calls.findIndex((call) => call.id === lastId);
      for (const call of calls.slice(known + 1)) {
        calling.add(call.id);
        unseen += 1;
      }
      if (calling.size > 0 && settings.state.getSnapshot().sound && Date.now() - chimedAt > CHIME_EVERY_MS) {
        chimedAt = Date.now();
        chime();
      }
      lastId = calls.at(-1)?.id;
      told();
    });
    // Told after those who call were found among them.
    const stopHearing = room.heard.subscribe(() => {
      announcer.set(settings.state.getSnapshot().announce);
      noted ||= room.heard.getSnapshot().some((message) => room.notes(message.text));
      told();
      announcer.spoke(room.heard.getSnapshot(), (message) => calling.has(message.id));
      calling.clear();
    });
    const seen = () => {
      if (document.hidden) return;
      unseen = 0;
      noted = false;
      document.title = plainTitle;
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      stop();
      stopHearing();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [room, title, settings]);

  return (
    <div ref={region} className="visually-hidden" aria-live="polite" aria-atomic="false" data-testid="announcer" />
  );
}
