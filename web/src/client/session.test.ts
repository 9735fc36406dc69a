import { beforeEach, describe, expect, it } from "vitest";
import { FakeTimers, settle } from "../testing/fake-timers";
import { ada } from "../testing/messages";
import { Api } from "./api";
import { type Lock, leaseLock } from "./lock";
import { CallProblem } from "./problem";
import { Session } from "./session";
import { MemoryStorage, SafeStorage } from "./storage";

/**
 * The server's side of refresh tokens: each good for one use, and a second use ends the family, unless it names the
 * token that followed.
 */
class Accounts {
  issued = 0;
  current = "";
  /** What `current` was exchanged for. */
  spent = "";
  revoked = false;
  password = "correct horse";
  reachable = true;
  calls: string[] = [];
  hold: Promise<void> | null = null;
  /** Awaited after a token was exchanged and before that is answered. */
  slowRefresh: Promise<void> | null = null;
  /** Awaited after a new password holds and before that is answered. */
  slowAnswer: Promise<void> | null = null;

  answer(refreshToken?: string) {
    this.issued += 1;
    this.current = refreshToken ?? `r${this.issued}`;
    return {
      user: ada,
      access_token: `a${this.issued}`,
      refresh_token: this.current,
      token_type: "Bearer",
      expires_in: 900,
    };
  }

  fetch = async (input: string, init: RequestInit): Promise<Response> => {
    this.calls.push(input);
    if (this.hold) await this.hold;
    if (!this.reachable) throw new TypeError("network");
    const body = JSON.parse(String(init.body ?? "{}"));
    if (input.endsWith("/refresh")) {
      const again = body.refresh_token === this.spent && body.next_refresh_token === this.current;
      if (this.revoked || (body.refresh_token !== this.current && !again)) {
        this.revoked = true;
        return problem(401, "unauthorized");
      }
      this.spent = body.refresh_token;
      const answer = this.answer(body.next_refresh_token);
      await this.slowRefresh;
      return Response.json(answer);
    }
    if (input.endsWith("/logout")) return new Response(null, { status: 204 });
    if (input.endsWith("/password")) {
      if (body.current_password !== "correct horse") return problem(401, "invalid_credentials");
      this.revoked = true;
      this.password = body.new_password;
      await this.slowAnswer;
      return new Response(null, { status: 204 });
    }
    if (input.endsWith("/login") && body.password === this.password) this.revoked = false;
    else if (input.endsWith("/login") && body.password !== "correct horse") return problem(401, "invalid_credentials");
    return Response.json(this.answer());
  };
}

const problem = (status: number, code: string) =>
  Response.json({ type: "x", title: "x", status, detail: "no", code }, { status });

let timers: FakeTimers;
let accounts: Accounts;
let storage: MemoryStorage;

/** One lock for all tabs, as the browser has it. */
function queueLock(): Lock {
  let tail: Promise<unknown> = Promise.resolve();
  return (_, run) => {
    const next = tail.then(run, run);
    tail = next.catch(() => {});
    return next;
  };
}

function tab(lock: Lock): Session {
  return new Session({ api: new Api(accounts.fetch), storage, lock, timers });
}

beforeEach(() => {
  timers = new FakeTimers();
  accounts = new Accounts();
  storage = new MemoryStorage();
});

describe("a new password", () => {
  it("ends every session and begins a new one here", async () => {
    const one = tab(queueLock());
    await one.login("ada", "correct horse");
    const before = accounts.current;
    await one.changePassword("correct horse", "battery staple");
    expect(one.user?.username).toBe("ada");
    expect(accounts.current).not.toBe(before);
    expect(await tab(queueLock()).accessToken()).not.toBeNull();
  });

  it("is not taken for an ended session while the socket is told so before the answer comes", async () => {
    const one = tab(queueLock());
    await one.login("ada", "correct horse");
    const states: string[] = [];
    one.state.subscribe(() => states.push(one.state.getSnapshot().kind));
    let answer = () => {};
    accounts.slowAnswer = new Promise((resolve) => {
      answer = resolve;
    });
    const changing = one.changePassword("correct horse", "battery staple");
    await settle();
    expect(accounts.revoked).toBe(true);
    expect(await one.accessToken(true)).toBeNull();
    answer();
    await changing;
    expect(states).not.toContain("anonymous");
    expect(one.user?.username).toBe("ada");
  });

  it("hands out the new token to whoever comes with the old one, and spends nothing for it", async () => {
    const one = tab(queueLock());
    await one.login("ada", "correct horse");
    await one.changePassword("correct horse", "battery staple");
    // The socket hears of the end of its session after the new one has begun.
    expect(await one.accessToken("a1")).toBe("a2");
    expect(accounts.calls.filter((call) => call.endsWith("/refresh"))).toEqual([]);
  });

  it("is not undone by an exchange that was under way", async () => {
    const one = tab(queueLock());
    await one.login("ada", "correct horse");
    let answer = () => {};
    accounts.slowRefresh = new Promise((resolve) => {
      answer = resolve;
    });
    const exchange = one.accessToken("a1");
    await settle();
    accounts.slowRefresh = null;
    await one.changePassword("correct horse", "battery staple");
    const { current, issued } = accounts;
    answer();
    expect(await exchange).toBe(`a${issued}`);
    expect(JSON.parse(storage.get("twitchy.session") ?? "")).toMatchObject({ refresh_token: current });
  });

  it("changes nothing when the old one is wrong", async () => {
    const one = tab(queueLock());
    await one.login("ada", "correct horse");
    await expect(one.changePassword("wrong", "battery staple")).rejects.toMatchObject({ code: "invalid_credentials" });
    expect(one.user).not.toBeNull();
    expect(accounts.revoked).toBe(false);
  });
});

describe("one tab", () => {
  it("is a member after registering, and still after a reload", async () => {
    await tab(queueLock()).register("Ada", "correct horse");
    const again = tab(queueLock());
    expect(again.user?.username).toBe("ada");
    expect(await again.accessToken()).toBe("a2");
  });

  it("keeps the access token out of storage", async () => {
    await tab(queueLock()).login("ada", "correct horse");
    expect(JSON.stringify([...Object.entries(storage)].map(([, value]) => [...value]))).not.toContain("a1");
  });

  it("renews a minute before the end and tells the socket", async () => {
    const session = tab(queueLock());
    await session.login("ada", "correct horse");
    timers.advance(839_000);
    await settle();
    expect(session.token.getSnapshot()).toBe("a1");
    timers.advance(1_000);
    await settle();
    await new Promise((resolve) => setTimeout(resolve));
    expect(session.token.getSnapshot()).toBe("a2");
  });

  it("asks once however many want a token", async () => {
    await tab(queueLock()).login("ada", "correct horse");
    const again = tab(queueLock());
    const tokens = await Promise.all(Array.from({ length: 8 }, () => again.accessToken()));
    expect(new Set(tokens)).toEqual(new Set(["a2"]));
    expect(accounts.calls.filter((call) => call.endsWith("/refresh")).length).toBe(1);
  });

  it("says a wrong password is wrong and stays anonymous", async () => {
    const session = tab(queueLock());
    await expect(session.login("ada", "wrong")).rejects.toMatchObject({ code: "invalid_credentials" });
    expect(session.user).toBeNull();
  });

  it("ends when the server has ended it", async () => {
    await tab(queueLock()).login("ada", "correct horse");
    accounts.revoked = true;
    const again = tab(queueLock());
    expect(await again.accessToken()).toBeNull();
    expect(again.state.getSnapshot()).toEqual({ kind: "anonymous", ended: true });
    expect(storage.get("twitchy.session")).toBeNull();
  });

  it("stays who it is while the server is away", async () => {
    await tab(queueLock()).login("ada", "correct horse");
    accounts.reachable = false;
    const again = tab(queueLock());
    expect(await again.accessToken()).toBeNull();
    expect(again.user?.username).toBe("ada");
    accounts.reachable = true;
    expect(await again.accessToken()).toBe("a2");
  });

  it("is nobody after logging out, also when an answer was under way", async () => {
    await tab(queueLock()).login("ada", "correct horse");
    let release = () => {};
    accounts.hold = new Promise((resolve) => {
      release = resolve;
    });
    const again = tab(queueLock());
    const pending = again.accessToken();
    await settle();
    void again.logout();
    release();
    expect(await pending).toBeNull();
    expect(again.user).toBeNull();
    expect(storage.get("twitchy.session")).toBeNull();
  });

  it("goes on after a reload between an exchange and its answer, however often", async () => {
    await tab(queueLock()).login("ada", "correct horse");
    accounts.slowRefresh = new Promise(() => {});
    for (let reload = 0; reload < 3; reload++) {
      void tab(queueLock()).accessToken();
      await settle();
    }
    accounts.slowRefresh = null;
    const last = tab(queueLock());
    expect(await last.accessToken()).toBe("a5");
    expect(accounts.revoked).toBe(false);
    const kept = JSON.parse(storage.get("twitchy.session") ?? "");
    expect([kept.refresh_token, kept.next]).toEqual([accounts.current, undefined]);
    expect(await last.accessToken(true)).toBe("a6");
  });

  it("takes rubbish in storage for nobody", () => {
    for (const rubbish of ["{", "null", "[]", '{"refresh_token":1}', '{"refresh_token":"x","user":{}}']) {
      storage.set("twitchy.session", rubbish);
      expect(tab(queueLock()).user).toBeNull();
    }
  });
});

describe("several tabs", () => {
  it("never spend a refresh token twice", async () => {
    await tab(queueLock()).login("ada", "correct horse");
    const lock = queueLock();
    const tabs = Array.from({ length: 5 }, () => tab(lock));
    const tokens = await Promise.all(tabs.map((one) => one.accessToken(true)));
    expect(accounts.revoked).toBe(false);
    expect(new Set(tokens).size).toBe(5);
  });

  it("log out together", async () => {
    const first = tab(queueLock());
    await first.login("ada", "correct horse");
    const second = tab(queueLock());
    await first.logout();
    second.storageChanged("twitchy.session");
    expect(second.user).toBeNull();
  });
});

it("works for the tab when storage is blocked", async () => {
  const blocked = new SafeStorage(() => {
    throw new DOMException("denied", "SecurityError");
  });
  const session = new Session({ api: new Api(accounts.fetch), storage: blocked, lock: queueLock(), timers });
  await session.login("ada", "correct horse");
  expect(await session.accessToken(true)).toBe("a2");
});

it("lets one tab in at a time by a lease where the browser has no locks", async () => {
  const order: string[] = [];
  const clocks = [new FakeTimers(), new FakeTimers()];
  for (const [at, clock] of clocks.entries()) clock.chance = 0.3 + at / 10;
  let release = () => {};
  const first = leaseLock(storage, clocks[0] as FakeTimers)("x", async () => {
    order.push("first in");
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    order.push("first out");
  });
  clocks[0]?.advance(40);
  await settle();
  const second = leaseLock(storage, clocks[1] as FakeTimers)("x", async () => {
    order.push("second in");
  });
  clocks[1]?.advance(800);
  await settle();
  expect(order).toEqual(["first in"]);
  release();
  await first;
  for (let turn = 0; turn < 10; turn++) {
    clocks[1]?.advance(400);
    await settle();
  }
  await second;
  expect(order).toEqual(["first in", "first out", "second in"]);
});

it("tells a refusal by its code and its wait", async () => {
  const api = new Api(async () =>
    Response.json({ status: 429, code: "rate_limited", detail: "", retry_after_ms: 1_200 }, { status: 429 }),
  );
  const failure = await api.previews("hello").catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CallProblem);
  expect(failure).toMatchObject({ code: "rate_limited", retryAfterMs: 1_200 });
});
