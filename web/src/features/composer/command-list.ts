import { leads, moderates } from "../../client/room-moderation";
import type { Role } from "../../protocol/__generated__/protocol";

/** What is done by typing instead of pressing. */
export interface Command {
  name: string;
  /** What follows the name; in brackets what may be left out. */
  usage: string;
  about: string;
  /** The least one has to be in the room. */
  from: "viewer" | "moderator" | "broadcaster";
}

/** All there are. What they do is `features/moderation/commands.ts`, but for `me`, which is a message, and `help`. */
export const COMMANDS: readonly Command[] = [
  { name: "me", usage: "does something", about: "Said as something you do", from: "viewer" },
  { name: "mute", usage: "@name", about: "You see nothing more of them", from: "viewer" },
  { name: "unmute", usage: "@name", about: "You see them again", from: "viewer" },
  { name: "timeout", usage: "@name [10m] [why]", about: "May not write for so long", from: "moderator" },
  { name: "ban", usage: "@name [why]", about: "May not write any more", from: "moderator" },
  { name: "unban", usage: "@name", about: "May write again, also after a timeout", from: "moderator" },
  { name: "clear", usage: "@name [why]", about: "Removes all they said here", from: "moderator" },
  { name: "slow", usage: "30 or off", about: "Seconds between two lines of one person", from: "moderator" },
  { name: "emoteonly", usage: "on or off", about: "Nothing but emotes", from: "moderator" },
  { name: "unique", usage: "on or off", about: "Each line only once", from: "moderator" },
  { name: "mod", usage: "@name", about: "Makes someone moderator", from: "broadcaster" },
  { name: "unmod", usage: "@name", about: "Takes that back", from: "broadcaster" },
  { name: "vip", usage: "@name", about: "Makes someone VIP", from: "broadcaster" },
  { name: "unvip", usage: "@name", about: "Takes that back", from: "broadcaster" },
  { name: "help", usage: "", about: "Shows these", from: "viewer" },
];

const ENOUGH: Record<Command["from"], (role: Role) => boolean> = {
  viewer: () => true,
  moderator: moderates,
  broadcaster: leads,
};
const mayGive = (command: Command, role: Role): boolean => ENOUGH[command.from](role);

/** Those that somebody may give whose names begin like this. */
export const commandsFor = (role: Role, part: string): Command[] =>
  COMMANDS.filter((command) => command.name.startsWith(part.toLowerCase()) && mayGive(command, role));

/** A line that gives a command, taken apart: a slash, one word of letters, and what follows. */
export function commandIn(line: string): { name: string; rest: string } | null {
  const match = /^\/([a-z]+)(?:\s+(.*))?$/is.exec(line);
  return match?.[1] === undefined ? null : { name: match[1].toLowerCase(), rest: (match[2] ?? "").trim() };
}

/** Why a command cannot be given; null if it can. */
export function commandFault(name: string, role: Role): string | null {
  const command = COMMANDS.find((known) => known.name === name);
  if (!command) return `There is no command /${name}. /help shows those there are.`;
  if (mayGive(command, role)) return null;
  return `/${name} is for the room's ${command.from === "broadcaster" ? "broadcaster" : "moderators"}.`;
}

/** How a command is written, for who is writing it. */
export function usageOf(name: string): string | null {
  const command = COMMANDS.find((known) => known.name === name);
  return command && command.usage !== "" ? `/${name} ${command.usage}: ${command.about.toLowerCase()}.` : null;
}
