import { useEffect, useMemo, useSyncExternalStore } from "react";
import { EmoteBook } from "../client/emote-book";
import type { RoomSession } from "../client/room-session";
import { motion } from "../ui/emote-motion";
import { useSignal, useSignalPart } from "../ui/use-signal";
import type { Services } from "./services";

/** Rows at the end of the log that can be in sight, and how many moving pictures among them are too many. */
const SIGHT_ROWS = 40;
const MOVING_MAX = 30;

const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const watchReduced = (changed: () => void) => {
  reduced.addEventListener("change", changed);
  return () => reduced.removeEventListener("change", changed);
};

/** A room's emotes, read when they are first needed, and whether pictures may move now. */
export function useEmotes({ api, settings, timers }: Services, room: RoomSession): EmoteBook {
  const book = useMemo(() => new EmoteBook(room.slug, { api, timers }), [api, timers, room]);
  const pages = useSignal(book.pages);
  const look = useSignal(settings.state);
  const weather = useSignalPart(room.vitals, (vitals) => vitals.weather);
  const less = useSyncExternalStore(watchReduced, () => reduced.matches);
  const calm = look.emotes === "play" && !look.reduceMotion && !less && weather !== "storm";

  useEffect(() => {
    if (pages.kind === "open")
      motion.moving.set(new Set(pages.emotes.filter((emote) => emote.animated).map((emote) => emote.id)));
  }, [pages]);

  useEffect(() => {
    const look = () => {
      const rows = room.log.getSnapshot().rows.slice(-SIGHT_ROWS);
      const tokens = rows.flatMap((row) => (row.kind === "message" ? row.tokens : []));
      const ids = tokens.flatMap((token) => (token.kind === "emote" ? [token.id] : []));
      if (ids.length > 0) book.saw(ids);
      const moving = motion.moving.getSnapshot();
      motion.still.set(!calm || ids.filter((id) => moving.has(id)).length > MOVING_MAX);
    };
    look();
    return room.log.subscribe(look);
  }, [room, book, calm]);

  return book;
}
