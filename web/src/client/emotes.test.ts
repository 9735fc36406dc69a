import { beforeEach, describe, expect, it } from "vitest";
import { FakeTimers } from "../testing/fake-timers";
import { Api } from "./api";
import { EmoteBook } from "./emote-book";
import { EmoteTaste } from "./emote-taste";
import { MemoryStorage } from "./storage";

const emote = (name: string) => ({ id: `id-${name}`, name, url: `/emotes/id-${name}`, animated: false });
const ALL = ["Kappa", "KappaPride", "keKappa", "LUL", "lulW", "PogU"].map(emote);

describe("taste", () => {
  let storage: MemoryStorage;
  let taste: EmoteTaste;
  const names = (part: string) => taste.ranked(ALL, part, 20).map(({ name }) => name);

  beforeEach(() => {
    storage = new MemoryStorage();
    taste = new EmoteTaste(storage);
  });

  it("puts the exact one first, what begins so before what has it inside, and the rest by the alphabet", () => {
    expect(names("kappa")).toEqual(["Kappa", "KappaPride", "keKappa"]);
    expect(names("lul")).toEqual(["LUL", "lulW"]);
    expect(names("")).toEqual(["Kappa", "KappaPride", "keKappa", "LUL", "lulW", "PogU"]);
  });

  it("puts liked ones before all but the exact one, and used ones before the alphabet", () => {
    taste.favour("keKappa", true);
    expect(names("kap")).toEqual(["keKappa", "Kappa", "KappaPride"]);
    expect(names("kappa")).toEqual(["Kappa", "keKappa", "KappaPride"]);
    taste.favour("keKappa", false);
    taste.used(["KappaPride"]);
    expect(names("kap")).toEqual(["KappaPride", "Kappa", "keKappa"]);
  });

  it("is remembered, within bounds, and survives what others wrote", () => {
    taste.used(Array.from({ length: 100 }, (_, at) => `e${at}`));
    taste.favour("LUL", true);
    expect(new EmoteTaste(storage).state.getSnapshot()).toEqual(taste.state.getSnapshot());
    expect(taste.state.getSnapshot().recent.length).toBe(28);
    for (const word of ["", "{", "7", "[]", '{"recent":7,"favourites":[1,null,"<img>","LUL"]}']) {
      storage.set("twitchy.emotes", word);
      const { recent, favourites } = new EmoteTaste(storage).state.getSnapshot();
      expect([recent, favourites.filter((name) => name !== "LUL")]).toEqual([[], []]);
    }
  });
});

describe("the book of a room", () => {
  let timers: FakeTimers;
  let requests: string[];
  let answer: () => Response;
  let book: EmoteBook;

  beforeEach(() => {
    timers = new FakeTimers();
    requests = [];
    answer = () => Response.json({ emotes: [...ALL, { name: "no id" }, null] });
    const api = new Api(async (input) => {
      requests.push(input);
      return answer();
    });
    book = new EmoteBook("bestie", { api, timers });
  });

  it("is read once, and leaves out what is no emote", async () => {
    await Promise.all([book.open(), book.open()]);
    await book.open();
    expect(requests).toEqual(["/api/v1/rooms/bestie/emotes"]);
    expect(book.emotes.length).toBe(ALL.length);
    expect(book.named("LUL")?.id).toBe("id-LUL");
    expect(book.named("lul")).toBeNull();
  });

  it("is read again for a picture it does not know, and not more often than it should", async () => {
    await book.open();
    book.saw(["id-LUL"]);
    timers.advance(60_000);
    book.saw(["id-LUL"]);
    expect(requests.length).toBe(1);
    book.saw(["id-new"]);
    book.saw(["id-new"]);
    expect(requests.length).toBe(2);
  });

  it("says when it can't be read, and keeps what it knew", async () => {
    answer = () => Response.json({ status: 500, code: "internal" }, { status: 500 });
    await book.open();
    expect(book.pages.getSnapshot()).toEqual({ kind: "failed" });
    answer = () => Response.json({ emotes: ALL });
    await book.retry();
    expect(book.emotes.length).toBe(ALL.length);
    answer = () => new Response("<html>", { status: 200 });
    await book.retry();
    expect(book.emotes.length).toBe(ALL.length);
  });
});
