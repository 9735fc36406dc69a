import type { EmoteRange } from "../protocol/__generated__/protocol";

/** A piece of a message's text. Everything is text to the page: a token says how it looks, never what markup it is. */
export type Token =
  | { kind: "emote"; text: string; id: string }
  | { kind: "text"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "mention"; text: string; username: string; me: boolean };

/** Longer than any address people paste on purpose; what goes on after it is plain text. */
const LINK_CHARS_MAX = 2_000;
const CANDIDATE =
  /https?:\/\/[^\s<>"'`\u200b-\u200f\u202a-\u202e\u2066-\u2069]+|(?<![A-Za-z0-9_])@[A-Za-z0-9_]{3,25}(?![A-Za-z0-9_])/gi;
const CLOSING = /[.,!?;:)\]}'"…]+$/;

/** More pictures than this in a line are shown as their names. */
export const EMOTES_MAX = 64;
/** What an emote's id may be made of: it becomes part of an address. */
const EMOTE_ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

/**
 * Splits a line into text, emotes, http(s) links and mentions. Only what the server calls mentioned or an emote is one;
 * ranges that are no good are text.
 */
export function tokenize(
  text: string,
  mentions: readonly string[],
  me: string | null,
  emotes: readonly EmoteRange[] = [],
): Token[] {
  if (emotes.length === 0) return words(text, mentions, me);
  const tokens: Token[] = [];
  const places = codePointPlaces(text);
  let end = 0;
  for (const emote of [...emotes].sort((a, b) => a.start - b.start).slice(0, EMOTES_MAX)) {
    const from = places[emote.start];
    const to = places[emote.end + 1];
    if (from === undefined || to === undefined || from < end || to <= from || !EMOTE_ID.test(emote.id)) continue;
    tokens.push(...words(text.slice(end, from), mentions, me));
    tokens.push({ kind: "emote", text: text.slice(from, to), id: emote.id });
    end = to;
  }
  tokens.push(...words(text.slice(end), mentions, me));
  return tokens;
}

/** Where each code point of a text begins, and its end. */
function codePointPlaces(text: string): number[] {
  const places: number[] = [];
  let at = 0;
  for (const point of text) {
    places.push(at);
    at += point.length;
  }
  places.push(at);
  return places;
}

function words(text: string, mentions: readonly string[], me: string | null): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  const plain = (until: number) => {
    if (until > end) tokens.push({ kind: "text", text: text.slice(end, until) });
  };
  for (const match of text.matchAll(CANDIDATE)) {
    const token = match[0].startsWith("@") ? mention(match[0], mentions, me) : link(match[0]);
    if (!token) continue;
    plain(match.index);
    tokens.push(token);
    end = match.index + token.text.length;
  }
  plain(text.length);
  return tokens;
}

function mention(found: string, mentions: readonly string[], me: string | null): Token | null {
  const username = found.slice(1).toLowerCase();
  if (!mentions.includes(username)) return null;
  return { kind: "mention", text: found, username, me: username === me };
}

function link(found: string): Token | null {
  const text = trimClosing(found);
  if (text.length > LINK_CHARS_MAX || !URL.canParse(text)) return null;
  const url = new URL(text);
  // A name and password in an address are there to make it look like another one.
  if ((url.protocol !== "http:" && url.protocol !== "https:") || url.username || url.password) return null;
  return { kind: "link", text, href: url.href };
}

/** A full stop after an address belongs to the sentence; a bracket does unless the address opened it. */
function trimClosing(found: string): string {
  const tail = CLOSING.exec(found);
  if (!tail) return found;
  const body = found.slice(0, tail.index);
  const opened = (body.match(/\(/g) ?? []).length - (body.match(/\)/g) ?? []).length;
  return opened > 0 && tail[0].startsWith(")") ? `${body})` : body;
}
