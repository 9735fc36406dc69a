import { beforeEach, describe, expect, it } from "vitest";
import { Api } from "../../client/api";
import { Muted } from "../../client/muted";
import { RoomModeration } from "../../client/room-moderation";
import { MemoryStorage } from "../../client/storage";
import { carryOut } from "./commands";

const room = {
  id: "1",
  slug: "bestie",
  title: "Bestie",
  description: "",
  transformer: { name: "plain", sample_in: "", sample_out: "" },
  settings: { slow_mode_seconds: 0, emote_only: false, unique_chat: false },
  viewers: 0,
  messages_per_second: 0,
  pinned: null,
};
let calls: string[];
let muted: Muted;

const moderation = new RoomModeration(
  new Api(async (path, init) => {
    calls.push(`${init.method} ${path.replace("/api/v1/rooms/bestie", "")} ${init.body ?? ""}`.trim());
    return init.method === "PATCH" ? Response.json(room) : new Response(null, { status: 204 });
  }),
  "bestie",
);
const give = (line: string) => {
  const [name = "", ...rest] = line.split(" ");
  return carryOut(name, rest.join(" "), { moderation, muted, me: "mia" });
};

beforeEach(() => {
  calls = [];
  muted = new Muted(new MemoryStorage());
});

describe("what is typed", () => {
  it.each([
    ["timeout @Bob", 'PUT /bans/bob {"duration_seconds":600}'],
    ["timeout bob 30 too  loud", 'PUT /bans/bob {"duration_seconds":30,"reason":"too loud"}'],
    ["timeout bob 2H", 'PUT /bans/bob {"duration_seconds":7200}'],
    ["timeout bob 2w", 'PUT /bans/bob {"duration_seconds":1209600}'],
    ["timeout bob spam", 'PUT /bans/bob {"duration_seconds":600,"reason":"spam"}'],
    ["ban bob 10 times the same", 'PUT /bans/bob {"reason":"10 times the same"}'],
    ["unban bob", "DELETE /bans/bob"],
    ["clear bob", 'POST /clear {"username":"bob"}'],
    ["slow 30", 'PATCH /settings {"slow_mode_seconds":30}'],
    ["slow off", 'PATCH /settings {"slow_mode_seconds":0}'],
    ["emoteonly on", 'PATCH /settings {"emote_only":true}'],
    ["unique off", 'PATCH /settings {"unique_chat":false}'],
    ["mod bob", "PUT /moderators/bob"],
    ["unvip bob", "DELETE /vips/bob"],
  ])("%s is the call it stands for", async (line, call) => {
    await give(line);
    expect(calls).toEqual([call]);
  });

  it.each([
    ["ban", "/ban needs a name."],
    ["clear", "/clear needs a name."],
    ["ban b!", "“b!” is no name."],
    ["timeout bob 15d", /14 days/],
    ["timeout bob 0", /14 days/],
    ["timeout bob 10x", /14 days/],
    ["slow", /off/],
    ["slow 121", /1 to 120/],
    ["unique maybe", "/unique takes on or off."],
    ["mute mia", /yourself/],
    ["frobnicate", /no command/],
  ])("%s is told what it lacks, and does nothing", async (line, words) => {
    await expect(give(line)).rejects.toThrow(words);
    expect(calls).toEqual([]);
  });
});

it("mutes for oneself alone, without a call", async () => {
  await give("mute @Bob");
  expect(muted.has("bob")).toBe(true);
  await give("unmute bob");
  expect(muted.has("bob")).toBe(false);
  expect(calls).toEqual([]);
});

it("gives a ban back", async () => {
  const { text, undo } = await give("ban bob");
  expect(text).toBe("@bob is banned");
  await undo?.();
  expect(calls).toEqual(["PUT /bans/bob {}", "DELETE /bans/bob"]);
});
