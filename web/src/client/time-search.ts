import type { ChatMessage } from "../protocol/message";
import type { Api } from "./api";

/** Twice what halving 64 bits needs. */
const PROBES_MAX = 128;
/** This close, one page of messages shows the place anyway. */
const CLOSE_ENOUGH = 8n;

/** The time in a UUIDv7: its first 48 bits. Null for any other id. */
export function timeOfId(id: string): number | null {
  const hex = id.replaceAll("-", "");
  return /^[0-9a-f]{12}7[0-9a-f]{19}$/i.test(hex) ? Number.parseInt(hex.slice(0, 12), 16) : null;
}

/** Asks a room for the first message after a place. */
export const firstAfter =
  (api: Api, slug: string) =>
  async (after: string): Promise<ChatMessage | null> =>
    (await api.messages(slug, { after, limit: 1 })).messages[0] ?? null;

/**
 * A place in a room's order after which the messages from a time on begin, found by asking for single messages. Guesses
 * where the time would be if people had spoken evenly, and halves every other time, since they never do.
 */
export async function placeBefore(
  firstAfter: (seq: string) => Promise<ChatMessage | null>,
  time: number,
  newest: string,
): Promise<string> {
  const first = await firstAfter("0");
  if (!first || first.sent_at >= time) return "0";
  // All up to `low` was said before the time; what is after `high` was not, or does not exist.
  let low = { seq: BigInt(first.seq), time: first.sent_at };
  let high = { seq: BigInt(newest), time: Number.NaN };
  for (let probe = 0; probe < PROBES_MAX && high.seq - low.seq > CLOSE_ENOUGH; probe++) {
    const middle = probe % 2 === 1 || Number.isNaN(high.time) ? halfway(low.seq, high.seq) : guess(low, high, time);
    const found = await firstAfter(String(middle));
    if (found && found.sent_at < time) low = { seq: BigInt(found.seq), time: found.sent_at };
    else high = { seq: middle, time: found?.sent_at ?? Number.NaN };
  }
  return String(low.seq);
}

const halfway = (low: bigint, high: bigint): bigint => (low + high) / 2n;

function guess(low: { seq: bigint; time: number }, high: { seq: bigint; time: number }, time: number): bigint {
  const part = (time - low.time) / Math.max(1, high.time - low.time);
  const within = BigInt(Math.round(Math.min(1, Math.max(0, part)) * 1_000_000));
  const place = low.seq + ((high.seq - low.seq) * within) / 1_000_000n;
  // Each probe has to rule something out.
  return place <= low.seq ? low.seq + 1n : place >= high.seq ? high.seq - 1n : place;
}
