import { useMemo } from "react";
import { Administration } from "../client/administration";
import { CallProblem } from "../client/problem";
import { RoomModeration } from "../client/room-moderation";
import type { RoomSession } from "../client/room-session";
import type { MessageRow, RemovedRow } from "../client/rows";
import { later } from "../ui/later";
import { problemText } from "../ui/problem-text";
import type { Services } from "./services";

/** What moderators alone need comes when they do. */
export const Measures = later(() => import("../features/moderation/measures").then((part) => part.Measures));
export const AdminSheet = later(() => import("../features/admin/admin-sheet").then((part) => part.AdminSheet));
export const RoomsSheet = later(() => import("../features/admin/rooms-sheet").then((part) => part.RoomsSheet));
export const ModerationPanel = later(() =>
  import("../features/moderation/moderation-panel").then((part) => part.ModerationPanel),
);

/** A moderator's hands: what the list, the pinned bar and the cards call. */
export function useModerating({ api, toasts }: Services, room: RoomSession) {
  return useMemo(() => {
    const moderation = new RoomModeration(api, room.slug);
    const attempt = (call: Promise<void>, done: string) =>
      void call.then(
        () => toasts.say(done),
        (error) =>
          toasts.say(error instanceof CallProblem ? problemText(error.code, error.message) : problemText("internal")),
      );
    return {
      moderation,
      administration: new Administration(api),
      remove: (row: MessageRow) =>
        attempt(
          api.deleteMessage(room.slug, row.message.id),
          row.own ? "Your message is removed" : `A message of @${row.message.user.username} is removed`,
        ),
      pin: (row: MessageRow) => attempt(moderation.pin(row.message.id), "Pinned for everyone"),
      unpin: () => attempt(moderation.unpin(), "Taken down for everyone"),
      why: async (row: RemovedRow) => {
        const { whyRemoved } = await import("../features/moderation/why");
        room.changeRemoved(row.key, { why: await whyRemoved(moderation, row) });
      },
    };
  }, [api, toasts, room]);
}
