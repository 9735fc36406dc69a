/**
 * What must never hurt the page, in a real browser: hostile fields, broken frames, a silent server, a browser without
 * storage. The page comes from a running server; what it talks to is played here (`stage.mjs`).
 */
import { axeFindings, People } from "./browser.mjs";
import { check, equal } from "./checks.mjs";
import { ME, messageOf, ROOM, Stage } from "./stage.mjs";

/** Each would set `hacked`, load something or leave its place if it were more than text somewhere. */
export const HOSTILE = [
  "<script>globalThis.hacked=1</script>",
  "<img src=x onerror=globalThis.hacked=1>",
  "<svg/onload=globalThis.hacked=1>",
  '"><img src=x onerror=globalThis.hacked=1>',
  "' onmouseover='globalThis.hacked=1",
  "<iframe srcdoc='<script>parent.hacked=1</script>'>",
  "<a href=javascript:globalThis.hacked=1>x</a>",
  "javascript:globalThis.hacked=1",
  "data:text/html,<script>parent.hacked=1</script>",
  "<math><mtext></form><form><mglyph><style></math><img src onerror=globalThis.hacked=1>",
  "<details open ontoggle=globalThis.hacked=1>",
  "<style>*{display:none}</style>",
  "</textarea></script><script>globalThis.hacked=1</script>",
  "{{constructor.constructor('globalThis.hacked=1')()}}",
  `\${globalThis.hacked=1}`,
  "%3Cscript%3EglobalThis.hacked=1%3C/script%3E",
  "&lt;img src=x onerror=globalThis.hacked=1&gt;",
  "<base href=//evil.example>",
  "<meta http-equiv=refresh content=0;url=//evil.example>",
  "<link rel=stylesheet href=//evil.example/x.css>",
  "red;background:url(//evil.example/x)",
  "#fff;}*{display:none}",
  "expression(globalThis.hacked=1)",
  "__proto__",
  "constructor",
  "\u0000\u0001\u0002\u001b[31m",
];
const RTL = "\u202E\u2066\u200Fevil \u202Eexe.gpj\u2069";
const TOWER = `Z${"\u0301\u0322\u0489\u035c".repeat(60)}algo${"\u030b".repeat(200)}`;
const WIDE = "W".repeat(2_000);
const FRAMES = [
  "",
  "not json",
  "null",
  "[]",
  "7",
  '"messages"',
  "{",
  "{}",
  '{"type":7}',
  '{"type":"__proto__"}',
  '{"type":"constructor","room":"bestie"}',
  '{"type":"toString"}',
  '{"type":"messages"}',
  '{"type":"messages","room":"bestie"}',
  '{"type":"messages","room":"bestie","messages":"x"}',
  '{"type":"messages","room":"bestie","messages":[null,7,{},[],{"id":1}]}',
  '{"type":"messages","room":"nowhere","messages":[]}',
  '{"type":"joined","room":"bestie"}',
  '{"type":"joined","room":"bestie","epoch":7,"seq":-1,"history":{}}',
  '{"type":"ack","nonce":"?","id":7}',
  '{"type":"deleted","room":"bestie","ids":"all"}',
  '{"type":"cleared","room":"bestie","username":{}}',
  '{"type":"gap","room":"bestie","from":"x","to":"-1"}',
  '{"type":"room","room":"bestie","viewers":"<b>","settings":7}',
  '{"type":"error"}',
  '{"type":"error","code":"<img src=x onerror=globalThis.hacked=1>"}',
  '{"type":"hello","heartbeat_ms":"x"}',
  '{"type":"reconnect","after_ms":"now"}',
  `{"type":"messages","room":"bestie","messages":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
];

const ROOM_PATH = "/r/bestie";
const log = (page) => page.getByRole("log");
const rows = (page) => log(page).locator("[data-key]");
const box = (page) => page.getByRole("textbox", { name: /^Message in/ });

export async function unhurt(page, where) {
  equal(await page.evaluate(() => globalThis.hacked), undefined, `${where}: text ran`);
  const made = page.locator(
    "script:not([src^='/']), #root :is(script, iframe, object, embed, base, meta, link, style, form form, [onerror], [onload], [onmouseover], [ontoggle]), #root img:not([src^='/emotes/']), a[href^='javascript' i], a[href^='data' i]",
  );
  equal(await made.count(), 0, `${where}: markup made of text`);
  equal((await page.evaluate(() => globalThis.violations)).join(), "", `${where}: the policy was tried`);
  equal(new URL(page.url()).pathname, ROOM_PATH, `${where}: the address`);
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where}: sideways scroll`);
}

/** All of it, with browsers of its own. `shot` keeps a picture under a name, or does nothing. */
export async function hostile({ checks, base, shot }) {
  const people = new People();
  const address = new URL(ROOM_PATH, base).href;
  const arrive = async (name, stage, options = {}) => {
    const page = await people.arrive(name, options);
    await stage.play(page);
    await page.goto(address);
    return page;
  };
  try {
    await checks.step("hostile words in every field are text and nothing else", async () => {
      const stage = new Stage({ member: true });
      const page = await arrive("fields", stage, { reducedMotion: "reduce" });
      await box(page).waitFor();
      const all = HOSTILE.map((text) =>
        messageOf(text, text, {
          user: { id: "5", username: text, display_name: text, color: text, badges: [text] },
          mentions: [text, ME.username],
          reply_to: { id: text, username: text, display_name: text, excerpt: text },
        }),
      );
      // A badge nobody knows is left out of the message, the message is not.
      stage.messages(...all);
      await page.waitForFunction((n) => document.querySelectorAll('[role="log"] [data-key]').length >= n, all.length);
      equal(await rows(page).count(), HOSTILE.length, "rows");
      for (const text of HOSTILE) {
        const shown = await log(page).evaluate((list, wanted) => list.textContent.includes(wanted), text);
        check(shown, `not shown as typed: ${JSON.stringify(text)}`);
      }
      await unhurt(page, "the log");

      await page.getByRole("button", { name: /^Mentions/ }).click();
      await page.getByRole("region", { name: "Mentions" }).getByRole("listitem").first().waitFor();
      await unhurt(page, "the mentions");
      await page.getByRole("button", { name: "Close Mentions" }).click();
      for (const at of [0, 3, 8]) {
        await rows(page).nth(at).getByRole("button", { name: HOSTILE[at], exact: true }).click();
        await page.getByRole("dialog").waitFor();
        await unhurt(page, "a card");
        await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
      }
      await rows(page).nth(1).hover();
      await rows(page).nth(1).getByRole("button", { name: "Show the thread" }).click();
      await page.getByRole("region", { name: "Thread" }).waitFor();
      await unhurt(page, "a thread");
      await page.getByRole("button", { name: "Close Thread" }).click();
      await box(page).fill("hello @<");
      await box(page).fill("hello @s");
      await unhurt(page, "the list of names");
    });

    await checks.step("a hostile room says of itself what it likes, as text", async () => {
      const text = HOSTILE[3];
      const pinned = messageOf(text, HOSTILE[4]);
      const room = { ...ROOM, title: text, description: text, pinned };
      room.transformer = { name: text, sample_in: text, sample_out: HOSTILE[1] };
      const stage = new Stage({ room, rest: (path) => (path.endsWith("/preview") ? { text: HOSTILE[2] } : undefined) });
      const page = await arrive("room", stage);
      await page.getByRole("region", { name: "Pinned message" }).waitFor();
      await box(page).fill("what would you make of this");
      await page.getByText("Something like").waitFor();
      await unhurt(page, "the room");
      await page.getByRole("button", { name: "Close the pinned message" }).click();
      await page.reload();
      await page.getByRole("textbox").waitFor();
      equal(await page.getByRole("region", { name: "Pinned message" }).count(), 0, "a closed pin that came back");
    });

    await checks.step("turned and towering letters stay in their own row", async () => {
      const before = messageOf("anna", "before");
      const bad = [RTL, TOWER, WIDE, "🤪".repeat(1_000), `${RTL} ${TOWER}`].map((text) =>
        messageOf("mallory", text, { reply_to: { id: "x", username: "y", display_name: "Y", excerpt: text } }),
      );
      const after = messageOf("zoe", "after the tower");
      const stage = new Stage({ history: [before, ...bad, after] });
      const page = await arrive("letters", stage, { viewport: { width: 390, height: 780 } });
      const last = rows(page).last();
      await last.waitFor();
      const name = last.getByRole("button", { name: "zoe", exact: true });
      const [nameBox, rowBox] = [await name.boundingBox(), await last.boundingBox()];
      check(nameBox.x < rowBox.x + 60, "a name after turned text stands on the other side");
      const clipped = await rows(page).evaluateAll((all) =>
        all.every((row) => getComputedStyle(row).contain.match(/paint|content|strict/)),
      );
      check(clipped, "a row may paint over its neighbours");
      check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "sideways scroll");
      await shot(page, "letters");
    });

    await checks.step("malformed frames change nothing, and what follows them arrives", async () => {
      const stage = new Stage({ history: [messageOf("anna", "still here")] });
      const page = await arrive("frames", stage);
      await rows(page).first().waitFor();
      for (const frame of FRAMES) stage.raw(frame);
      stage.messages(messageOf("bo", "after all that"));
      await log(page).getByText("after all that").waitFor();
      await log(page).getByText("still here").waitFor();
      await unhurt(page, "broken frames");
      equal(stage.sent.filter((frame) => frame.type === "join").length, 1, "joins");
    });

    await checks.step("a server that answers no call leaves a page that says so and reads on", async () => {
      const stage = new Stage({ history: [messageOf("anna", "live all the same")], rest: () => null });
      const page = await people.arrive("slow");
      await page.clock.install();
      await stage.play(page);
      await page.goto(address);
      await log(page).getByText("live all the same").waitFor();
      await box(page).fill("typing works");
      await page.clock.runFor(20_000);
      await page.getByText("Rooms can't be loaded.").waitFor();
      equal(await box(page).inputValue(), "typing works", "the box");
    });

    await checks.step("a join that is never answered is asked for again, and told", async () => {
      const stage = new Stage({ joins: false });
      const page = await people.arrive("silent");
      await page.clock.install();
      await stage.play(page);
      await page.goto(address);
      await page.getByText("Opening the room…").waitFor();
      await stage.frame("join");
      await page.clock.runFor(11_000);
      await page.getByText("The room takes long to answer.").waitFor();
      check(stage.sent.filter((frame) => frame.type === "join").length >= 2, "asked once only");
      await page.getByRole("button", { name: "Try again" }).waitFor();
    });

    await checks.step("a line without an answer can be sent again under its nonce, and stands once", async () => {
      const stage = new Stage({ member: true });
      const page = await people.arrive("unanswered");
      await page.clock.install();
      await stage.play(page);
      await page.goto(address);
      await page.getByRole("button", { name: "Send", exact: true }).waitFor();
      await stage.frame("auth");
      await box(page).fill("are you there");
      await box(page).press("Enter");
      const { nonce } = await stage.frame("send");
      await page.clock.runFor(11_000);
      await page.getByText("No answer yet. Trying again can't send it twice.").waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.waitForFunction(() => !document.querySelector('[data-status="failed"]'));
      const sends = stage.sent.filter((frame) => frame.type === "send");
      equal(sends.map((frame) => frame.nonce).join(), [nonce, nonce].join(), "nonces");
      const message = messageOf(ME.username, "Are you there, bestie?");
      stage.messages(message);
      stage.say({ type: "ack", nonce, id: message.id, seq: message.seq, sent_at: Date.now() });
      await page.locator("[data-status]").waitFor({ state: "detached" });
      equal(
        await rows(page)
          .filter({ hasText: /are you there/i })
          .count(),
        1,
        "lines",
      );
    });

    await checks.step("without storage everything works but remembering", async () => {
      const stage = new Stage({ history: [messageOf("anna", "hello")] });
      const page = await people.arrive("storage");
      await page.addInitScript(() => {
        const blocked = {
          get() {
            throw new DOMException("blocked", "SecurityError");
          },
        };
        Object.defineProperty(globalThis, "localStorage", blocked);
        Object.defineProperty(globalThis, "sessionStorage", blocked);
      });
      await stage.play(page);
      await page.goto(address);
      await log(page).getByText("hello").waitFor();
      await page.getByRole("button", { name: "Log in" }).first().click();
      const sheet = page.getByRole("dialog", { name: "Welcome back" });
      await sheet.getByLabel("Name", { exact: true }).fill("ines");
      await sheet.getByLabel("Password", { exact: true }).fill("correct horse battery");
      await sheet.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("button", { name: "Send", exact: true }).waitFor();
      await box(page).fill("no storage, no problem");
      await box(page).press("Enter");
      equal((await stage.frame("send")).text, "no storage, no problem", "what was sent");
      await rows(page).first().getByRole("button", { name: "anna", exact: true }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Mute" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
      await page.waitForFunction(() => !document.querySelector('[role="log"]').textContent.includes("hello"));
    });

    await checks.step("a pasted megabyte is told to be too long, and the box goes on", async () => {
      const stage = new Stage({ member: true });
      const page = await arrive("paste", stage);
      await box(page).waitFor();
      await box(page).fill("x".repeat(1_000_000));
      await page.getByText("9500 too many").waitFor();
      check(await page.getByRole("button", { name: "Send", exact: true }).isDisabled(), "it could be sent");
      await box(page).fill("short again");
      check(await page.getByRole("button", { name: "Send", exact: true }).isEnabled(), "it can't be sent");
    });

    await checks.step("every state is without findings, in both themes", async () => {
      for (const colorScheme of ["dark", "light"]) {
        const root = messageOf("anna", "shall we meet at nine");
        const answer = messageOf("bo", "@ines nine is fine, see https://example.com/nine", {
          mentions: ["ines"],
          reply_to: { id: root.id, username: "anna", display_name: "anna", excerpt: root.text },
        });
        const history = [root, answer, messageOf("cy", "waves", { action: true }), messageOf("dee", "𝐇𝐞𝐲 you")];
        const stage = new Stage({ history, member: true, room: { ...ROOM, pinned: messageOf("anna", "be kind") } });
        const page = await arrive(`states ${colorScheme}`, stage, { colorScheme, reducedMotion: "reduce" });
        await stage.frame("auth");
        const clean = async (where) => {
          const findings = await axeFindings(page);
          check(findings.length === 0, `axe on ${where}, ${colorScheme}:\n${findings.join("\n")}`);
        };
        const keep = (name) => shot(page, `${name}-${colorScheme}`);
        await rows(page).last().waitFor();
        await clean("the room");
        await box(page).fill("hi @a");
        await page.getByRole("listbox", { name: "Names" }).waitFor();
        await clean("the list of names");
        await keep("names");
        await box(page).press("Enter");
        await rows(page).nth(1).hover();
        await rows(page).nth(1).getByRole("button", { name: "Show the thread" }).click();
        await page.getByRole("region", { name: "Thread" }).getByText("nine is fine").waitFor();
        await clean("a thread");
        await keep("thread");
        await page.getByRole("button", { name: "Close Thread" }).click();
        await page.getByRole("button", { name: /^Mentions/ }).click();
        await clean("the mentions");
        await page.getByRole("button", { name: "Close Mentions" }).click();
        await rows(page).first().getByRole("button", { name: "anna", exact: true }).click();
        await page.getByRole("dialog", { name: "anna" }).waitFor();
        await clean("a card");
        await keep("card");
        await page.getByRole("dialog").getByRole("button", { name: "Dim the others" }).click();
        await keep("dimmed");
        await page.keyboard.press("Escape");
        for (const [button, title] of [
          ["Go to a time", "Go to a time"],
          ["Settings", "Settings"],
          [/your profile/, "You"],
        ]) {
          await page.getByRole("button", { name: button }).first().click();
          await page.getByRole("dialog", { name: title }).waitFor();
          await clean(title);
          await keep(title.toLowerCase().replaceAll(" ", "-"));
          await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
        }
        await page.keyboard.press("Control+k");
        await page.getByRole("dialog", { name: "Rooms" }).waitFor();
        await clean("the rooms");
        await keep("rooms");
        await page.keyboard.press("Escape");
        stage.say({ type: "error", code: "rate_limited", detail: "", room: "bestie", retry_after_ms: 60_000 });
        await page.getByRole("alert").waitFor();
        await clean("a refusal");
        await box(page).fill("never answered");
        await box(page).press("Enter");
        await page.locator("[data-status]").waitFor();
        stage.say({ type: "error", code: "overloaded", detail: "", nonce: stage.sent.at(-1).nonce, room: "bestie" });
        await page.getByRole("button", { name: "Try again" }).waitFor();
        await clean("a failed line");
        stage.say({ type: "deleted", room: "bestie", ids: [root.id] });
        await log(page).getByText("Message removed").waitFor();
        await log(page).focus();
        await page.keyboard.press("ArrowUp");
        await page.getByRole("button", { name: /^Paused/ }).waitFor();
        await clean("paused");
        await keep("failed-paused");
        stage.say({ type: "banned", room: "bestie", until: null, reason: "rude" });
        await page
          .getByText(/banned/)
          .first()
          .waitFor();
        await clean("banned");
      }
    });

    await checks.step("no page complained", () => {
      // A page that asks a played server for what it does not have is told so by the browser too.
      const real = people.complaints.filter((line) => !/Failed to load resource/.test(line));
      check(real.length === 0, real.join("\n"));
    });
  } finally {
    await people.close();
  }
}
