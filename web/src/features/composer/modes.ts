import type { RoomSettings } from "../../protocol/__generated__/protocol";

/** What a room asks of those who talk, in one line; null if it asks nothing. */
export function modesText({ slow_mode_seconds: slow, emote_only, unique_chat }: RoomSettings): string | null {
  const modes = [
    slow > 0 && `Slow mode: one line every ${duration(slow)}`,
    emote_only && "Only emotes here right now",
    unique_chat && "Each line only once",
  ].filter((mode) => mode !== false);
  return modes.length === 0 ? null : `${modes.join(" · ")}.`;
}

function duration(seconds: number): string {
  if (seconds < 120) return seconds === 1 ? "second" : `${seconds} s`;
  return `${Math.round(seconds / 60)} min`;
}
