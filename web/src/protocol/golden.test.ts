import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeServerFrame } from "./decode";
import { bansAnswer, card, logAnswer, phrasesAnswer, rolesAnswer } from "./moderation";
import { authAnswer, emotesAnswer, messagesAnswer, previewsAnswer, problem, rooms, textAnswer, user } from "./objects";
import type { Shape } from "./shape";

const GOLDEN = join(import.meta.dirname, "../../../crates/protocol/golden");
const read = (path: string) => readFileSync(join(GOLDEN, path), "utf8");
const files = (folder: string) => readdirSync(join(GOLDEN, folder)).filter((name) => name.endsWith(".json"));

/** Whether everything the page understood is what the file says; what the page has no use for may be missing. */
function expectPartOf(part: unknown, whole: unknown, path = "") {
  if (Array.isArray(part)) {
    expect(Array.isArray(whole), path).toBe(true);
    expect(part.length, path).toBe((whole as unknown[]).length);
    for (const [at, item] of part.entries()) expectPartOf(item, (whole as unknown[])[at], `${path}[${at}]`);
  } else if (typeof part === "object" && part !== null) {
    expect(typeof whole, path).toBe("object");
    for (const [key, value] of Object.entries(part)) {
      const given = (whole as Record<string, unknown>)[key];
      // Left out in a frame because it is at its default.
      if (given === undefined) expect([[], null, false, true]).toContainEqual(value);
      else expectPartOf(value, given, `${path}.${key}`);
    }
  } else expect(part, path).toEqual(whole);
}

describe("server frames that the server's own tests wrote", () => {
  const names = files("server");

  it("are there", () => expect(names.length).toBeGreaterThan(15));

  it.each(names)("%s", (name) => {
    const raw = read(`server/${name}`);
    const decoded = decodeServerFrame(raw);
    expect(decoded.kind).toBe("frame");
    if (decoded.kind === "frame") expectPartOf(decoded.frame, JSON.parse(raw));
  });
});

describe("REST bodies that the server's own tests wrote", () => {
  const answers: Record<string, Shape<unknown>> = {
    "auth_answer.json": authAnswer,
    "emotes.json": emotesAnswer,
    "messages.json": messagesAnswer,
    "previews.json": previewsAnswer,
    "problem.json": problem,
    "problem_rate_limited.json": problem,
    "rooms.json": rooms,
    "text.json": textAnswer,
  };

  it.each(Object.entries(answers))("%s", (name, shape) => {
    const value = JSON.parse(read(`rest/${name}`));
    const understood = shape(value);
    expect(understood).toBeDefined();
    expectPartOf(understood, name === "rooms.json" || name === "previews.json" ? value.rooms : value);
  });

  it.each(files("moderation"))("moderation: %s", (name) => {
    const answers: Record<string, Shape<unknown>> = {
      "bans.json": bansAnswer,
      "blocked_phrases.json": phrasesAnswer,
      "log.json": logAnswer,
      "roles.json": rolesAnswer,
      "user_card.json": card,
    };
    // The others are what the page sends.
    const sent = ["ban", "blocked_phrase", "clear_all", "clear_user", "pin", "settings"].map((body) => `${body}.json`);
    const shape = answers[name];
    if (!shape) expect(sent).toContain(name);
    else {
      const value = JSON.parse(read(`moderation/${name}`));
      expectPartOf(shape(value), value);
    }
  });

  it("has no body of another kind than the page knows of", () => {
    const asked = ["login", "password", "preview", "profile", "refresh", "refresh_repeatable", "register", "send"];
    // What only admins and owners of bots ask for; the page has no place for it yet.
    const administration = ["bot", "bot_token", "bot_tokens", "new_bot_token", "new_room", "room_archived"];
    const known = [...Object.keys(answers), ...[...asked, ...administration].map((name) => `${name}.json`)];
    expect(files("rest").filter((name) => !known.includes(name))).toEqual([]);
  });

  it("reads the user of an answer", () => {
    expect(user(JSON.parse(read("rest/auth_answer.json")).user)?.username).toBe("ada_99");
  });
});
