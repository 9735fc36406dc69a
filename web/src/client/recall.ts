import type { ChatMessage } from "../protocol/message";
import { compareSeq } from "../protocol/seq";

/** The newest messages that stay known after their rows are gone; with 500 B each that is 1 MB. */
export const RECALL_MAX = 2_000;
/** Names that can be completed: those who spoke last. */
export const PEOPLE_MAX = 1_000;
const LINES_OF_ONE = 20;

/** Someone who spoke, as completion and cards show them. */
export interface Person {
  username: string;
  displayName: string;
  color: string;
}

/** A conversation by replies, oldest first. `missing` is what the first line answers and is not known here. */
export interface Thread {
  messages: readonly ChatMessage[];
  missing: ChatMessage["reply_to"];
}

/** What was said lately, beyond what is on the page: who spoke, what they said, and what answers what. */
export class Recall {
  private readonly byId = new Map<string, ChatMessage>();
  private readonly people = new Map<string, Person>();
  /** Those who talked with the reader: first among the completed. */
  private readonly close = new Set<string>();

  take(messages: readonly ChatMessage[]): void {
    for (const message of messages) {
      this.byId.set(message.id, message);
      const { username, display_name, color } = message.user;
      // Deleted first, so that the order of the map is the order of speaking.
      this.people.delete(username);
      this.people.set(username, { username, displayName: display_name, color });
    }
    dropOldest(this.byId, RECALL_MAX);
    dropOldest(this.people, PEOPLE_MAX);
  }

  /** What was said before all that is known, as far as there is room; nobody spoke just now by it. */
  takeOlder(messages: readonly ChatMessage[]): void {
    for (const message of messages) {
      if (this.byId.size >= RECALL_MAX) return;
      this.byId.set(message.id, message);
    }
  }

  /** Someone answered the reader, or was answered by them. */
  talkedWith(username: string): void {
    this.close.delete(username);
    this.close.add(username);
    dropOldest(this.close, PEOPLE_MAX);
  }

  remove(matches: (message: ChatMessage) => boolean): void {
    for (const [id, message] of this.byId) if (matches(message)) this.byId.delete(id);
  }

  clear(): void {
    this.byId.clear();
  }

  get(id: string): ChatMessage | null {
    return this.byId.get(id) ?? null;
  }

  person(username: string): Person | null {
    return this.people.get(username) ?? null;
  }

  linesOf(username: string): ChatMessage[] {
    const lines = [...this.byId.values()].filter((message) => message.user.username === username);
    return lines.sort(bySeq).slice(-LINES_OF_ONE);
  }

  /**
   * People whose name begins with this, then those whose name has it inside; in both those one talked with first, then
   * those who spoke last.
   */
  named(part: string, limit: number, except: string | null): Person[] {
    const wanted = part.toLowerCase();
    const found = [...this.people.values()].reverse().filter((person) => person.username !== except);
    const closeness = new Map([...this.close].map((name, at) => [name, at + 1]));
    const rank = (person: Person) => closeness.get(person.username) ?? 0;
    const ranked = found
      .map((person, at) => ({ person, at }))
      .sort((a, b) => rank(b.person) - rank(a.person) || a.at - b.at);
    const begins = ranked.filter(({ person }) => person.username.startsWith(wanted));
    const within = ranked.filter(({ person }) => person.username.indexOf(wanted) > 0);
    return [...begins, ...within].slice(0, limit).map(({ person }) => person);
  }

  /** The conversation a message belongs to; null if nothing answers it and it answers nothing. */
  thread(id: string): Thread | null {
    const asked = this.byId.get(id);
    if (!asked) return null;
    let root = asked;
    const climbed = new Set([root.id]);
    for (;;) {
      const parent = root.reply_to ? this.byId.get(root.reply_to.id) : undefined;
      if (!parent || climbed.has(parent.id)) break;
      climbed.add(parent.id);
      root = parent;
    }
    const members = new Set([root.id]);
    const messages: ChatMessage[] = [];
    // Older ones are looked at first, so whoever answers a member comes after it.
    for (const message of [...this.byId.values()].sort(bySeq)) {
      if (message !== root && !(message.reply_to && members.has(message.reply_to.id))) continue;
      members.add(message.id);
      messages.push(message);
    }
    if (messages.length === 1 && root.reply_to === null) return null;
    return { messages, missing: root.reply_to };
  }
}

const bySeq = (a: ChatMessage, b: ChatMessage): number => compareSeq(a.seq, b.seq);

function dropOldest(kept: { size: number; keys(): Iterator<string>; delete(key: string): boolean }, max: number): void {
  for (const keys = kept.keys(); kept.size > max; ) {
    const oldest = keys.next();
    if (oldest.done) return;
    kept.delete(oldest.value);
  }
}
