import type { RoomModeration } from "../../client/room-moderation";
import type { RemovedRow } from "../../client/rows";
import type { LogEntry } from "../../protocol/__generated__/protocol";
import { atTime, sentence } from "./words";

const TAKING_AWAY = ["delete", "clear", "timeout", "ban"];

/** Who took messages away and why, by the room's log; a sentence in any case. */
export async function whyRemoved(moderation: RoomModeration, row: RemovedRow): Promise<string> {
  try {
    const { entries } = await moderation.log(null, 100);
    const found = entries.find((entry) => concerns(entry, row));
    return found ? `${sentence(found)} · ${atTime(found.at)}` : "Who did it stands further back in the moderation log.";
  } catch {
    return "Who did it could not be asked. Look into the moderation log.";
  }
}

function concerns(entry: LogEntry, row: RemovedRow): boolean {
  if (!TAKING_AWAY.includes(entry.action)) return false;
  if (entry.message_id !== null) return row.kept.some((message) => message.id === entry.message_id);
  return entry.target === row.username;
}
