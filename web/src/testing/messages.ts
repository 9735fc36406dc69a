import type { Author, User } from "../protocol/__generated__/protocol";
import type { ChatMessage } from "../protocol/message";

export const ada: User = { id: "1", username: "ada", display_name: "Ada", color: "#FF69B4", created_at: 1 };
const bob: Author = { id: "2", username: "bob", display_name: "Bob", color: "#1E90FF", badges: [] };

/** A message at a place in the order; by Bob unless told otherwise. */
export function messageAt(seq: number, part: Partial<ChatMessage> = {}): ChatMessage {
  return {
    id: `id-${seq}`,
    seq: String(seq),
    user: bob,
    text: `line ${seq}`,
    emotes: [],
    mentions: [],
    reply_to: null,
    action: false,
    styled: true,
    sent_at: seq * 1_000,
    ...part,
  };
}

export const messagesFrom = (first: number, last: number): ChatMessage[] =>
  Array.from({ length: last - first + 1 }, (_, at) => messageAt(first + at));
