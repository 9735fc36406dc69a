import type { ChatMessage } from "../protocol/message";
import type { Api } from "./api";

const PAGE = 100;

/** What stands in a stretch of the order, in at most so many pages; `complete` when nothing of it is missing. */
export async function readGap(
  api: Api,
  slug: string,
  gap: { from: string; to: string },
  pages: number,
): Promise<{ found: ChatMessage[]; complete: boolean }> {
  const found: ChatMessage[] = [];
  let complete = false;
  let after: string | null = gap.from;
  for (let page = 0; page < pages && after !== null; page++) {
    const answer = await api.messages(slug, { after, limit: PAGE });
    found.push(...answer.messages);
    const last = answer.messages.at(-1);
    complete = !last || answer.next_after === null || BigInt(last.seq) >= BigInt(gap.to);
    after = complete || !last ? null : last.seq;
  }
  return { found, complete };
}
