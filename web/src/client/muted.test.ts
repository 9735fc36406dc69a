import { expect, it } from "vitest";
import { Muted } from "./muted";
import { MemoryStorage } from "./storage";

it("is remembered, and undone", () => {
  const storage = new MemoryStorage();
  const muted = new Muted(storage);
  muted.set("bob", true);
  expect(new Muted(storage).has("bob")).toBe(true);
  muted.set("bob", false);
  expect(new Muted(storage).has("bob")).toBe(false);
});

it.each(["{", "7", '{"a":1}', '[1,null,"<b>","bob"]'])("takes %j in storage for what it is", (raw) => {
  const storage = new MemoryStorage();
  storage.set("twitchy.muted", raw);
  expect([...new Muted(storage).names.getSnapshot()]).toEqual(raw.includes("bob") ? ["bob"] : []);
});
