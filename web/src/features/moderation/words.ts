import type { LogEntry, Role } from "../../protocol/__generated__/protocol";

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const atTime = (at: number): string => time.format(at);

export const ROLE_NAMES: Record<Role, string> = {
  viewer: "viewer",
  vip: "VIP",
  moderator: "moderator",
  broadcaster: "broadcaster",
  admin: "admin",
};

const UNITS: readonly [number, string, string][] = [
  [86_400, "day", "days"],
  [3_600, "hour", "hours"],
  [60, "minute", "minutes"],
  [1, "second", "seconds"],
];

export function duration(seconds: number): string {
  const [size, one, many] = UNITS.find(([unit]) => seconds >= unit && seconds % unit === 0) ?? [1, "second", "seconds"];
  const count = Math.round(seconds / size);
  return `${count} ${count === 1 ? one : many}`;
}

/** What was done, after the name of who did it. */
export function deed(entry: LogEntry): string {
  const whom = entry.target ? `@${entry.target}` : "someone";
  switch (entry.action) {
    case "delete":
      return `deleted a message of ${whom}`;
    case "clear":
      return entry.target ? `removed all messages of ${whom}` : "cleared the chat";
    case "timeout":
      return `timed ${whom} out${entry.duration_seconds ? ` for ${duration(entry.duration_seconds)}` : ""}`;
    case "ban":
      return `banned ${whom}`;
    case "unban":
      return `lets ${whom} write again`;
    case "role":
      return `changed what ${whom} is here`;
    case "settings":
      return "changed the room";
    case "pin":
      return "pinned a message";
    case "unpin":
      return "took the pinned message down";
    case "block_phrase":
      return "blocked a phrase";
    case "unblock_phrase":
      return "allowed a phrase again";
    default:
      return `did “${String(entry.action)}”`;
  }
}

/** One entry as one sentence. */
export function sentence(entry: LogEntry): string {
  const why = entry.reason ? `: ${entry.reason}` : "";
  return `@${entry.moderator} ${deed(entry)}${why}`;
}
