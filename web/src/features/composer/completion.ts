import type { Person } from "../../client/recall";
import type { Emote } from "../../protocol/__generated__/protocol";
import type { Command } from "./command-list";

/** More than this are not shown: one goes on typing instead of searching a list. */
export const CHOICES_MAX = 8;
/** After a `:` one types this much before emotes are offered: `:)` and `:D` are words of their own. */
const EMOTE_LETTERS_MIN = 2;

export type Choice =
  | { kind: "person"; person: Person }
  | { kind: "emote"; emote: Emote }
  | { kind: "command"; command: Command };

/** A word being completed: where it stands, what was typed, and what it may become. */
export interface Completion {
  start: number;
  typed: string;
  choices: readonly Choice[];
  selected: number;
  /** The selected one stands in the text already, and Tab goes to the next one. */
  inserted: boolean;
}

/** Looks names, emotes and commands up; the best first. */
export interface Finder {
  people(part: string, limit: number): readonly Person[];
  emotes(part: string, limit: number): readonly Emote[];
  /** There are few, so all are shown. */
  commands(part: string): readonly Command[];
}

/** A line that begins with a slash, as long as its first word is being typed. */
function commandBefore(text: string, caret: number, find: Finder): Completion | null {
  const word = /^\/[a-z]*$/i.exec(text.slice(0, caret))?.[0];
  if (word === undefined) return null;
  const choices = find.commands(word.slice(1)).map((command): Choice => ({ kind: "command", command }));
  return choices.length === 0 ? null : { start: 0, typed: word, choices, selected: 0, inserted: false };
}

/** The word that ends at the caret, if it could be the beginning of one of these. */
function wordBefore(text: string, caret: number): { start: number; word: string } | null {
  const match = /(?:^|\s)([@:]?[A-Za-z0-9_]{0,32})$/.exec(text.slice(0, caret));
  const word = match?.[1];
  return word ? { start: caret - word.length, word } : null;
}

/** While typing: a `/` at the start asks for commands, an `@` for names, a `:` for emotes, a plain word for nothing. */
export function typedCompletion(text: string, caret: number, find: Finder): Completion | null {
  const command = commandBefore(text, caret, find);
  if (command) return command;
  const found = wordBefore(text, caret);
  if (found?.word.startsWith("@")) return completionOf(found, people(find, found.word.slice(1)));
  if (found?.word.startsWith(":") && found.word.length > EMOTE_LETTERS_MIN)
    return completionOf(found, emotes(find, found.word.slice(1)));
  return null;
}

/** On Tab: any word may be the beginning of either. At the start of a line one speaks to someone; later one may not. */
export function askedCompletion(text: string, caret: number, find: Finder): Completion | null {
  const command = commandBefore(text, caret, find);
  if (command) return command;
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

/** A name or a command that is typed to its end already: Enter means to send it. */
export function isWhole(completion: Completion): boolean {
  const chosen = completion.choices[completion.selected];
  if (completion.inserted || !chosen || chosen.kind === "emote") return false;
  const whole = chosen.kind === "person" ? `@${chosen.person.username}` : `/${chosen.command.name}`;
  return completion.typed.toLowerCase() === whole;
}

/** A chosen one as it stands in the text. */
function wordOf(choice: Choice | undefined): string {
  if (choice?.kind === "emote") return choice.emote.name;
  return choice?.kind === "command" ? `/${choice.command.name}` : `@${choice?.person.displayName}`;
}

/** Text and caret with the selected one in place of whatever stands between the start of the word and the caret. */
export function inserted(text: string, caret: number, completion: Completion): { text: string; caret: number } {
  const word = wordOf(completion.choices[completion.selected]);
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
