import type { Muted } from "../../client/muted";
import type { RoomModeration, Seat } from "../../client/room-moderation";
import { duration } from "./words";

/** What was typed is not what the command takes; the message says what it takes. */
export class CommandFault extends Error {}

/** What a command did, and how to take it back where that is one press. */
export interface Done {
  text: string;
  undo?: () => Promise<void>;
}

interface Hands {
  moderation: RoomModeration;
  muted: Muted;
  /** Who gives the command. */
  me: string | null;
}

const TIMEOUT_DEFAULT_S = 600;
const TIMEOUT_MAX_S = 14 * 86_400;
const SLOW_MAX_S = 120;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };
const NAME = /^@?([a-z0-9_]{3,25})$/i;

/** Carries out a command of the message box, other than `me` and `help`. Fails as the call behind it does. */
export async function carryOut(name: string, rest: string, { moderation, muted, me }: Hands): Promise<Done> {
  switch (name) {
    case "mute":
    case "unmute": {
      const { whom } = someone(name, rest);
      if (whom === me) throw new CommandFault("You can't mute yourself.");
      muted.set(whom, name === "mute");
      return { text: name === "mute" ? `@${whom} is muted for you` : `@${whom} is heard again` };
    }
    case "timeout": {
      const { whom, more } = someone(name, rest);
      const { seconds, why } = timed(more);
      await moderation.ban(whom, seconds, why);
      const text = `@${whom} is timed out for ${duration(seconds)}`;
      return { text, undo: () => moderation.unban(whom) };
    }
    case "ban": {
      const { whom, more } = someone(name, rest);
      await moderation.ban(whom, null, more);
      return { text: `@${whom} is banned`, undo: () => moderation.unban(whom) };
    }
    case "unban": {
      const { whom } = someone(name, rest);
      await moderation.unban(whom);
      return { text: `@${whom} may write again` };
    }
    case "clear": {
      const { whom, more } = someone(name, rest);
      await moderation.clear(whom, more);
      return { text: `All messages of @${whom} here are removed` };
    }
    case "slow": {
      const seconds = rest === "off" ? 0 : Number(/^(\d+) ?s?$/.exec(rest)?.[1] ?? Number.NaN);
      if (!(seconds <= SLOW_MAX_S)) throw new CommandFault(`/slow takes 1 to ${SLOW_MAX_S} seconds, or off.`);
      await moderation.settings({ slow_mode_seconds: seconds });
      return { text: seconds === 0 ? "Slow mode is off" : `Slow mode: one line every ${duration(seconds)}` };
    }
    case "emoteonly": {
      const on = switched(name, rest);
      await moderation.settings({ emote_only: on });
      return { text: on ? "Only emotes from now on" : "Everything may be said again" };
    }
    case "unique": {
      const on = switched(name, rest);
      await moderation.settings({ unique_chat: on });
      return { text: on ? "Each line only once from now on" : "Lines may be said again" };
    }
    case "mod":
    case "unmod":
      return seat(moderation, "moderators", "moderator", name, rest);
    case "vip":
    case "unvip":
      return seat(moderation, "vips", "VIP", name, rest);
    default:
      throw new CommandFault(`There is no command /${name}.`);
  }
}

async function seat(moderation: RoomModeration, place: Seat, what: string, name: string, rest: string): Promise<Done> {
  const { whom } = someone(name, rest);
  const given = !name.startsWith("un");
  await moderation.seat(place, whom, given);
  return { text: given ? `@${whom} is ${what} here` : `@${whom} is ${what} here no longer` };
}

/** The name a command begins with, and what follows it. */
function someone(name: string, rest: string): { whom: string; more: string } {
  const [first = "", ...more] = rest.split(/\s+/);
  const whom = NAME.exec(first)?.[1]?.toLowerCase();
  if (whom === undefined) throw new CommandFault(first === "" ? `/${name} needs a name.` : `“${first}” is no name.`);
  return { whom, more: more.join(" ") };
}

/** A length of time, if what follows begins with one, and the reason. */
function timed(more: string): { seconds: number; why: string } {
  const [first = "", ...why] = more.split(" ");
  if (!/^\d/.test(first)) return { seconds: TIMEOUT_DEFAULT_S, why: more };
  const [, digits = "", unit = "s"] = /^(\d+)([smhdw])?$/i.exec(first) ?? [];
  const seconds = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
  if (!(seconds >= 1 && seconds <= TIMEOUT_MAX_S))
    throw new CommandFault("A timeout is 1 second to 14 days long: 30s, 10m, 2h, 1d, 1w.");
  return { seconds, why: why.join(" ") };
}

function switched(name: string, rest: string): boolean {
  if (rest !== "on" && rest !== "off") throw new CommandFault(`/${name} takes on or off.`);
  return rest === "on";
}
