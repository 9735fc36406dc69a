import { act, fireEvent, render, screen } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Api } from "../../client/api";
import { Recall } from "../../client/recall";
import type { Refusal } from "../../client/room-state";
import { MemoryStorage } from "../../client/storage";
import type { Armed } from "../../client/talk";
import type { Role, RoomSettings } from "../../protocol/__generated__/protocol";
import { messageAt } from "../../testing/messages";
import { commandFault, commandsFor } from "./command-list";
import { Composer } from "./composer";
import { Draft } from "./draft";

const EMOTES = ["Kappa", "AnnaCry"].map((name) => ({ id: name, name, url: "", animated: false }));
let storage: MemoryStorage;
let sent: string[];
let armed: string[];
let wanted: string[];
let given: string[][];
let accepts: boolean;
let recall: Recall;

const api = new Api(async (input, init) =>
  Response.json({ text: `${input.includes("bestie") ? "Bestie" : "?"}: ${JSON.parse(String(init.body)).text}` }),
);

interface Shown {
  /** Whether the room has some. */
  emotes?: boolean;
  member?: boolean;
  refusal?: Refusal | null;
  banned?: string | null;
  closed?: boolean;
  role?: Role;
  modes?: RoomSettings;
  nextAt?: number;
  armed?: Armed;
}

function show(part: Shown = {}) {
  return render(
    <Composer
      api={api}
      room="bestie"
      roomTitle="Bestie"
      draft={new Draft(storage, "bestie")}
      member={part.member ?? true}
      refusal={part.refusal ?? null}
      banned={part.banned ?? null}
      closed={part.closed ?? false}
      modes={part.modes ?? { slow_mode_seconds: 0, emote_only: false, unique_chat: false }}
      nextAt={part.nextAt ?? null}
      armed={part.armed ?? null}
      replyingTo={null}
      find={{
        people: (word) => recall.named(word, 8, null),
        commands: (word) => commandsFor(part.role ?? "viewer", word),
        emotes: (word) =>
          (part.emotes ? EMOTES : []).filter(({ name }) => name.toLowerCase().startsWith(word.toLowerCase())),
      }}
      emotesOpen={false}
      onEmotes={() => {}}
      onCancelReply={() => {}}
      onSend={(text) => {
        sent.push(text);
        return accepts;
      }}
      onArm={(text) => {
        armed.push(text);
        return true;
      }}
      onDisarm={() => part.armed?.text ?? null}
      onCommand={async (name, rest) => {
        given.push([name, rest]);
        return commandFault(name, part.role ?? "viewer");
      }}
      onJoin={(text) => wanted.push(text)}
      onTyped={() => {}}
      onLeave={() => {}}
    />,
  );
}

const box = () => screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Message in Bestie" });
const type = (text: string) => fireEvent.change(box(), { target: { value: text } });
const press = (key: string, more: object = {}) => fireEvent.keyDown(box(), { key, ...more });

beforeEach(() => {
  storage = new MemoryStorage();
  sent = [];
  given = [];
  armed = [];
  wanted = [];
  accepts = true;
  recall = new Recall();
  for (const [seq, name] of ["Anna", "Anton", "Zoe"].entries()) {
    const message = messageAt(seq);
    recall.take([{ ...message, user: { ...message.user, username: name.toLowerCase(), display_name: name } }]);
  }
});

describe("sending", () => {
  it("sends the trimmed line on Enter and is empty after", () => {
    show();
    type("  hi there  ");
    press("Enter");
    expect(sent).toEqual(["hi there"]);
    expect(box().value).toBe("");
  });

  it("does not send what an input method is still composing", () => {
    show();
    type("にほ");
    press("Enter", { isComposing: true });
    expect(sent).toEqual([]);
  });

  it("sends nothing empty and keeps what was not taken", () => {
    show();
    type("   ");
    press("Enter");
    expect(sent).toEqual([]);
    accepts = false;
    type("keep me");
    press("Enter");
    expect(box().value).toBe("keep me");
  });

  it("counts code points as the server does, and blocks what is too long without cutting it", () => {
    show();
    type("🤪".repeat(500));
    expect(screen.getByText("0 left")).toBeDefined();
    type("🤪".repeat(501));
    expect(screen.getByText("1 too many")).toBeDefined();
    press("Enter");
    expect(sent).toEqual([]);
    expect([...box().value].length).toBe(501);
  });

  it("makes one line of a pasted paragraph", () => {
    show();
    type("one\r\ntwo\n\nthree");
    expect(box().value).toBe("one two three");
  });
});

describe("without an account", () => {
  it("takes text and asks to join with it", () => {
    show({ member: false });
    type("hello");
    fireEvent.click(screen.getByRole("button", { name: "Join to send" }));
    expect(wanted).toEqual(["hello"]);
    expect(box().value).toBe("hello");
  });
});

describe("what was typed before", () => {
  it("survives leaving the room and coming back", () => {
    const first = show();
    type("half a sen");
    first.unmount();
    show();
    expect(box().value).toBe("half a sen");
  });

  it("comes back with the arrow keys, and the unsent line after it", () => {
    show();
    for (const line of ["one", "two"]) {
      type(line);
      press("Enter");
    }
    type("unsent");
    box().setSelectionRange(0, 0);
    press("ArrowUp");
    expect(box().value).toBe("two");
    box().setSelectionRange(0, 0);
    press("ArrowUp");
    expect(box().value).toBe("one");
    press("ArrowDown");
    press("ArrowDown");
    expect(box().value).toBe("unsent");
  });
});

describe("names", () => {
  const options = () => screen.queryAllByRole("option").map((option) => option.textContent);
  const chosen = () => document.getElementById(box().getAttribute("aria-activedescendant") ?? "")?.textContent;

  it("are offered for an @, walked with arrows and taken with Enter, which then sends nothing", () => {
    show();
    type("hi @an");
    expect(options()).toEqual(["Anton", "Anna"]);
    expect(chosen()).toBe("Anton");
    press("ArrowDown");
    expect(chosen()).toBe("Anna");
    press("Enter");
    expect(box().value).toBe("hi @Anna ");
    expect(sent).toEqual([]);
    expect(options()).toEqual([]);
    press("Enter");
    expect(sent).toEqual(["hi @Anna"]);
  });

  it("need no second Enter when they are typed whole", () => {
    show();
    type("@zoe");
    expect(options()).toEqual(["Zoe"]);
    press("Enter");
    expect(sent).toEqual(["@zoe"]);
  });

  it("go round with Tab and back with Shift, and Escape gives back what was typed", () => {
    show();
    type("ask an");
    expect(options()).toEqual([]);
    for (const expected of ["ask @Anton ", "ask @Anna ", "ask @Anton "]) {
      press("Tab");
      expect(box().value).toBe(expected);
    }
    press("Tab", { shiftKey: true });
    expect(box().value).toBe("ask @Anna ");
    press("Escape");
    expect(box().value).toBe("ask an");
  });

  it("leave Tab alone where nothing can be completed, so that one gets out of the box", () => {
    show();
    expect(press("Tab")).toBe(true);
    type("qqq");
    expect(press("Tab")).toBe(true);
    type("an");
    expect(press("Tab")).toBe(false);
  });
});

describe("emotes", () => {
  const options = () => screen.queryAllByRole("option").map((option) => option.textContent);

  it("are offered after a colon and two letters, and stand in the text without it", () => {
    show({ emotes: true });
    type("so :k");
    expect(options()).toEqual([]);
    type("so :ka");
    expect(options()).toEqual(["Kappa"]);
    press("Enter");
    expect(box().value).toBe("so Kappa ");
    expect(sent).toEqual([]);
    press("Enter");
    expect(sent).toEqual(["so Kappa"]);
  });

  it("come after names where one begins to speak, and before them later", () => {
    show({ emotes: true });
    type("an");
    press("Tab");
    expect(options()).toEqual(["Anton", "Anna", "AnnaCry"]);
    press("Escape");
    type("well an");
    press("Tab");
    expect(options()).toEqual(["AnnaCry", "Anton", "Anna"]);
    expect(box().value).toBe("well AnnaCry ");
  });

  it("do not get in the way of what looks like them", () => {
    show({ emotes: true });
    for (const text of [":)", ":D", "12:ka", "http://ka", "a:kap"]) {
      type(text);
      expect(options()).toEqual([]);
    }
  });
});

it("survives a pasted megabyte", () => {
  show();
  type("🤪".repeat(500_000));
  expect(box().value.length).toBe(10_000);
  expect(screen.getByText("4500 too many")).toBeDefined();
});

describe("refusals", () => {
  it("are told in words with a countdown that is never 0", () => {
    vi.useFakeTimers({ now: 10_000 });
    show({ refusal: { code: "slow_mode", detail: "", retryAt: 12_100 } });
    expect(screen.getByRole("alert").textContent).toBe("This room is in slow mode. Try again in 3 s.");
    act(() => vi.advanceTimersByTime(2_000));
    expect(screen.getByRole("alert").textContent).toContain("Try again in 1 s.");
    act(() => vi.advanceTimersByTime(500));
    expect(screen.getByRole("alert").textContent).toContain("You can try again now.");
    vi.useRealTimers();
  });

  it("stop a banned person from sending and say why", () => {
    show({ banned: "A moderator banned you." });
    type("hello");
    press("Enter");
    expect(sent).toEqual([]);
    expect(screen.getByRole("alert").textContent).toBe("A moderator banned you.");
  });

  it("take nothing while the room is closed, keep what was typed, and say why", () => {
    new Draft(storage, "bestie").write("half a thought");
    show({ closed: true, emotes: true });
    expect(box().value).toBe("half a thought");
    expect(box().readOnly).toBe(true);
    for (const key of ["Enter", "Tab", "ArrowUp"]) press(key);
    expect([box().value, sent, wanted]).toEqual(["half a thought", [], []]);
    for (const name of ["Send", "Emotes"])
      expect(screen.getByRole<HTMLButtonElement>("button", { name }).disabled).toBe(true);
    const why = document.getElementById(box().getAttribute("aria-describedby") ?? "");
    expect(why?.textContent).toMatch(/^This room is closed/);
  });
});

describe("slow mode", () => {
  const modes = { slow_mode_seconds: 30, emote_only: false, unique_chat: true };

  it("is told where one types, with the time to wait on the button", () => {
    show({ modes, nextAt: Date.now() + 6_500 });
    expect(screen.getByText("Slow mode: one line every 30 s · Each line only once.")).toBeDefined();
    expect(screen.getByRole("button", { name: "Send when slow mode allows, in 7 s" })).toBeDefined();
  });

  it("takes a line that goes out by itself, and one only", () => {
    show({ modes, nextAt: Date.now() + 6_500 });
    type("as soon as I may");
    press("Enter");
    expect(sent).toEqual([]);
    expect(armed).toEqual(["as soon as I may"]);
    expect(box().value).toBe("");
  });

  it("gives the line back with Escape, in front of what was typed since", () => {
    show({ modes, nextAt: Date.now() + 6_500, armed: { text: "waits", replyTo: null, at: 1 } });
    expect(screen.getByRole("status").textContent).toContain("waits");
    type("and more");
    press("Enter");
    expect(armed).toEqual([]);
    press("Escape");
    expect(box().value).toBe("waits and more");
  });
});

it("shows what the room would make of it", async () => {
  show();
  type("hello");
  const added = await screen.findByText("Bestie:", { exact: false, selector: "span" });
  expect(added.parentElement?.textContent).toBe("Bestie: hello");
});

describe("commands", () => {
  const options = () => screen.queryAllByRole("option").map((option) => option.textContent);
  const turn = () => act(async () => {});

  it("are offered after a slash at the start, as far as one may give them", () => {
    show();
    type("/");
    const names = options().map((text) => /^\/[a-z]+/.exec(text ?? "")?.[0]);
    expect(names).toEqual(["/me", "/mute", "/unmute", "/help"]);
    type("so /m");
    expect(options()).toEqual([]);
  });

  it("are completed by Enter and then carried out, not said", async () => {
    show({ role: "moderator" });
    type("/tim");
    press("Enter");
    expect(box().value).toBe("/timeout ");
    expect(screen.getByText(/^\/timeout @name \[10m\] \[why\]: may not write/)).toBeDefined();
    type("/timeout @Bob 30s loud");
    press("Enter");
    await turn();
    expect([given, sent, box().value]).toEqual([[["timeout", "@Bob 30s loud"]], [], ""]);
  });

  it("that nobody knows, or that are for others, are told and stay in the box", async () => {
    show();
    for (const [line, words] of [
      ["/frob x", "There is no command /frob. /help shows those there are."],
      ["/ban bob", "/ban is for the room's moderators."],
    ] as const) {
      type(line);
      press("Enter");
      await turn();
      expect(screen.getByRole("alert").textContent).toBe(words);
      expect(box().value).toBe(line);
    }
    type("/ban bo");
    expect(screen.queryByRole("alert")).toBeNull();
    expect(sent).toEqual([]);
  });

  it("are all shown by /help, also to who has no name", () => {
    show({ member: false });
    type("/help");
    press("Enter");
    expect(options().length).toBe(4);
    expect(wanted).toEqual([]);
  });

  it("are no command where it is said, or where a slash is part of a word", () => {
    show();
    for (const line of ["/me waves", "/r/rust is nice", "/ 7", "//x"]) {
      type(line);
      press("Enter");
    }
    expect(sent).toEqual(["/me waves", "/r/rust is nice", "/ 7", "//x"]);
    expect(given).toEqual([]);
  });
});
