/** What each refusal means for the person at the page, and what to do. Codes are the protocol's. */
const SENTENCES: Record<string, string> = {
  anonymous_read_only: "Reading needs no account, talking does. Log in and send it again.",
  unauthorized: "You are not logged in any more. Log in and send it again.",
  token_expired: "Your session ended. Log in again.",
  invalid_credentials: "That name and password don't match. Check both and try again.",
  forbidden: "You are not allowed to do that here.",
  banned: "You can't write in this room at the moment.",
  username_taken: "That name is taken. Try another one.",
  room_taken: "There is a room of that address already. Try another one.",
  limit_reached: "There are as many of these as there may be. Take one away first.",
  duplicate_message: "Someone already said exactly that. This room takes each line once.",
  message_too_long: "That is too long. 500 letters is the most.",
  message_empty: "There is nothing in it to send.",
  emote_only: "Only emotes are allowed in this room right now.",
  blocked_phrase: "The room's moderators blocked a word in this.",
  slow_mode: "This room is in slow mode.",
  rate_limited: "That was faster than allowed.",
  overloaded: "The server has too much to do right now. Nothing was lost; try again in a moment.",
  storage_full: "The server has no room left to store messages. Your line was not sent.",
  unavailable: "The server can't store messages right now. Your line was not sent; try again in a moment.",
  internal: "Something went wrong on the server. Your line was not sent; try again.",
  validation_failed: "The server did not accept that. Check what you typed.",
  payload_too_large: "That is too big to send.",
  room_not_found: "This room does not exist.",
  room_archived: "This room is closed.",
  message_not_found: "The message you answer is gone.",
  unreachable: "The server can't be reached. Check your connection and try again.",
  unanswered: "No answer yet. Trying again can't send it twice.",
};

export function problemText(code: string, detail = ""): string {
  return SENTENCES[code] ?? (detail === "" ? "That did not work. Try again." : `That did not work: ${detail}.`);
}

/** Whole seconds until a time, rounded up, so that nobody is told to wait 0 seconds and then refused. */
export const secondsUntil = (time: number, now: number): number => Math.max(0, Math.ceil((time - now) / 1000));
