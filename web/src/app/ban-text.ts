import type { Ban } from "../client/room-state";

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function banText(ban: Ban): string {
  const why = ban.reason ? ` Reason: ${ban.reason}.` : "";
  if (ban.until === null) return `A moderator banned you from writing in this room.${why}`;
  return `A moderator timed you out until ${time.format(ban.until)}.${why}`;
}
