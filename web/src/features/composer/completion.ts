import type { Person } from "../../client/recall";

/** More names than this are not shown: one goes on typing instead of searching a list. */
export const CHOICES_MAX = 8;

/** A word being completed: where it stands, what was typed, and what it may become. */
export interface Completion {
  start: number;
  typed: string;
  choices: readonly Person[];
  selected: number;
  /** The selected name stands in the text already, and Tab goes to the next one. */
  inserted: boolean;
}

/** Looks names up; the best first. */
export type FindPeople = (part: string, limit: number) => readonly Person[];

/** The word that ends at the caret, if it could be a name. */
function wordBefore(text: string, caret: number): { start: number; word: string } | null {
  const match = /(?:^|\s)(@?[A-Za-z0-9_]{0,25})$/.exec(text.slice(0, caret));
  const word = match?.[1];
  return word ? { start: caret - word.length, word } : null;
}

/** While typing: an `@` asks for names, a plain word does not. */
export function typedCompletion(text: string, caret: number, find: FindPeople): Completion | null {
  const found = wordBefore(text, caret);
  return found?.word.startsWith("@") ? completionOf(found, find) : null;
}

/** On Tab: any word may be the beginning of a name. */
export function askedCompletion(text: string, caret: number, find: FindPeople): Completion | null {
  const found = wordBefore(text, caret);
  return found ? completionOf(found, find) : null;
}

function completionOf(found: { start: number; word: string }, find: FindPeople): Completion | null {
  const choices = find(found.word.replace("@", ""), CHOICES_MAX);
  if (choices.length === 0) return null;
  return { start: found.start, typed: found.word, choices, selected: 0, inserted: false };
}

/** The same list with the next (or, with -1, the previous) name selected; from the last on to the first. */
export function moved(completion: Completion, by: number): Completion {
  const { length } = completion.choices;
  return { ...completion, selected: (completion.selected + by + length) % length };
}

/** Already typed to the end: Enter means to send it. */
export function isWhole(completion: Completion): boolean {
  const chosen = completion.choices[completion.selected];
  return !completion.inserted && completion.typed.toLowerCase() === `@${chosen?.username}`;
}

/** Text and caret with the selected name in place of whatever stands between the start of the word and the caret. */
export function inserted(text: string, caret: number, completion: Completion): { text: string; caret: number } {
  return replaced(text, caret, completion.start, `@${completion.choices[completion.selected]?.displayName} `);
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
