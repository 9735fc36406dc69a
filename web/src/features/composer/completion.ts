import type { Person } from "../../client/recall";
import type { Emote } from "../../protocol/__generated__/protocol";

/** More than this are not shown: one goes on typing instead of searching a list. */
export const CHOICES_MAX = 8;
/** After a `:` one types this much before emotes are offered: `:)` and `:D` are words of their own. */
const EMOTE_LETTERS_MIN = 2;

export type Choice = { kind: "person"; person: Person } | { kind: "emote"; emote: Emote };

/** A word being completed: where it stands, what was typed, and what it may become. */
export interface Completion {
  start: number;
  typed: string;
  choices: readonly Choice[];
  selected: number;
  /** The selected one stands in the text already, and Tab goes to the next one. */
  inserted: boolean;
}

/** Looks names and emotes up; the best first. */
export interface Finder {
  people(part: string, limit: number): readonly Person[];
  emotes(part: string, limit: number): readonly Emote[];
}

/** The word that ends at the caret, if it could be the beginning of one of these. */
function wordBefore(text: string, caret: number): { start: number; word: string } | null {
  const match = /(?:^|\s)([@:]?[A-Za-z0-9_]{0,32})$/.exec(text.slice(0, caret));
  const word = match?.[1];
  return word ? { start: caret - word.length, word } : null;
}

/** While typing: an `@` asks for names, a `:` for emotes, a plain word for nothing. */
export function typedCompletion(text: string, caret: number, find: Finder): Completion | null {
  const found = wordBefore(text, caret);
  if (found?.word.startsWith("@")) return completionOf(found, people(find, found.word.slice(1)));
  if (found?.word.startsWith(":") && found.word.length > EMOTE_LETTERS_MIN)
    return completionOf(found, emotes(find, found.word.slice(1)));
  return null;
}

/** On Tab: any word may be the beginning of either. At the start of a line one speaks to someone; later one may not. */
export function askedCompletion(text: string, caret: number, find: Finder): Completion | null {
  const found = wordBefore(text, caret);
  if (!found) return null;
  const { word } = found;
  if (word.startsWith("@")) return completionOf(found, people(find, word.slice(1)));
  if (word.startsWith(":")) return completionOf(found, emotes(find, word.slice(1)));
  const first = text.slice(0, found.start).trim() === "";
  const [names, pictures] = [people(find, word), emotes(find, word)];
  return completionOf(found, first ? [...names, ...pictures] : [...pictures, ...names]);
}

const people = (find: Finder, part: string): Choice[] =>
  find.people(part, CHOICES_MAX).map((person) => ({ kind: "person", person }));
const emotes = (find: Finder, part: string): Choice[] =>
  find.emotes(part, CHOICES_MAX).map((emote) => ({ kind: "emote", emote }));

function completionOf(found: { start: number; word: string }, choices: readonly Choice[]): Completion | null {
  if (choices.length === 0) return null;
  return {
    start: found.start,
    typed: found.word,
    choices: choices.slice(0, CHOICES_MAX),
    selected: 0,
    inserted: false,
  };
}

/** The same list with the next (or, with -1, the previous) one selected; from the last on to the first. */
export function moved(completion: Completion, by: number): Completion {
  const { length } = completion.choices;
  return { ...completion, selected: (completion.selected + by + length) % length };
}

/** A name that is typed to its end already: Enter means to send it. */
export function isWhole(completion: Completion): boolean {
  const chosen = completion.choices[completion.selected];
  if (completion.inserted || chosen?.kind !== "person") return false;
  return completion.typed.toLowerCase() === `@${chosen.person.username}`;
}

/** Text and caret with the selected one in place of whatever stands between the start of the word and the caret. */
export function inserted(text: string, caret: number, completion: Completion): { text: string; caret: number } {
  const chosen = completion.choices[completion.selected];
  const word = chosen?.kind === "emote" ? chosen.emote.name : `@${chosen?.person.displayName}`;
  return replaced(text, caret, completion.start, `${word} `);
}

/** Text and caret as before completing. */
export function restored(text: string, caret: number, completion: Completion): { text: string; caret: number } {
  return replaced(text, caret, completion.start, completion.typed);
}

function replaced(text: string, caret: number, start: number, word: string): { text: string; caret: number } {
  const rest = text.slice(caret);
  const after = word.endsWith(" ") && rest.startsWith(" ") ? rest.slice(1) : rest;
  return { text: text.slice(0, start) + word + after, caret: start + word.length };
}
