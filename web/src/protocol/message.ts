import type { Message, ServerFrame } from "./__generated__/protocol";

/** A message as the page works with it: the REST shape, whatever way it came; the room is known from elsewhere. */
export type ChatMessage = Omit<Message, "room">;

type Joined = Omit<Extract<ServerFrame, { type: "joined" }>, "history"> & { history: ChatMessage[] };
type Messages = Omit<Extract<ServerFrame, { type: "messages" }>, "messages"> & { messages: ChatMessage[] };

/** A frame from the server with every message written out in full. */
export type IncomingFrame = Exclude<ServerFrame, { type: "joined" } | { type: "messages" }> | Joined | Messages;
export type FrameOf<T extends IncomingFrame["type"]> = Extract<IncomingFrame, { type: T }>;

/** Frames that belong to one room. */
export type RoomFrame = Extract<IncomingFrame, { room: string }> | FrameOf<"error"> | FrameOf<"ack">;

/** Said by someone, to them, or in answer to them. */
export const concerns = (message: ChatMessage, me: string): boolean =>
  message.user.username === me || message.mentions.includes(me) || message.reply_to?.username === me;
