import { beforeEach, expect, it } from "vitest";
import { FakeTimers } from "../testing/fake-timers";
import { Api } from "./api";
import { RoomDirectory } from "./room-directory";

const roomOf = (slug: string, part: object = {}) => ({
  id: "1",
  slug,
  title: slug,
  description: "",
  transformer: { name: "plain", sample_in: "a", sample_out: "a" },
  settings: { slow_mode_seconds: 0, emote_only: false, unique_chat: false },
  viewers: 0,
  messages_per_second: 0,
  pinned: null,
  ...part,
});

let timers: FakeTimers;
let asked: (string | null)[];
let answers: ((body: object) => void)[];
let admin: boolean;
let directory: RoomDirectory;

const titles = () => {
  const state = directory.state.getSnapshot();
  return state.kind === "ready" ? state.rooms.map((room) => room.title) : state.kind;
};
/** A body is read in more than one real turn. */
const network = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
};
const answer = async (at: number, ...rooms: object[]) => {
  answers[at]?.({ rooms });
  await network();
};

beforeEach(() => {
  timers = new FakeTimers();
  asked = [];
  answers = [];
  admin = false;
  const api = new Api((_, init) => {
    asked.push(new Headers(init.headers).get("authorization"));
    return new Promise((resolve) => answers.push((body) => resolve(Response.json(body))));
  });
  api.tokensFrom(
    async () => "t",
    () => admin,
  );
  directory = new RoomDirectory({ api, timers, visible: () => true });
});

it("asks by name only for admins, who see closed rooms", async () => {
  directory.watch();
  await network();
  await answer(0, roomOf("a"));
  admin = true;
  timers.advance(5_000);
  await network();
  expect(asked).toEqual([null, "Bearer t"]);
});

it("keeps what it has while it asks again, and believes the later answer", async () => {
  directory.watch();
  await answer(0, roomOf("old"));
  expect(titles()).toEqual(["old"]);
  void directory.refresh();
  void directory.refresh();
  expect(titles()).toEqual(["old"]);
  await answer(2, roomOf("newest"));
  await answer(1, roomOf("newer"));
  expect(titles()).toEqual(["newest"]);
});

it("takes a room's own word for what it is called", async () => {
  directory.watch();
  await answer(0, roomOf("a"), roomOf("b"));
  directory.told("b", { title: "Bee" });
  expect(titles()).toEqual(["a", "Bee"]);
});
