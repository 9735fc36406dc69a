/** A moderator at work, with a played server (`stage.mjs`): what they see, what they hit, and what others do not see. */
import { axeFindings, People } from "./browser.mjs";
import { check, equal } from "./checks.mjs";
import { HOSTILE, unhurt } from "./hostile.mjs";
import { ME, messageOf, ROOM, Stage } from "./stage.mjs";

const log = (page) => page.getByRole("log");
const rows = (page) => log(page).locator("[data-key]");
const card = (page) => page.getByRole("dialog");
const panel = (page) => page.getByRole("region", { name: "Moderation" });

let next = 900;
const entryOf = (action, target, part = {}) => ({
  id: String(next++),
  at: Date.now(),
  moderator: "mia",
  action,
  target,
  duration_seconds: null,
  reason: null,
  message_id: null,
  detail: null,
  ...part,
});

/** What a server answers a moderator; `entries` are its log. */
function answers(entries, part = {}) {
  return (path, request) => {
    const at = path.replace("/rooms/bestie", "");
    if (request.method() !== "GET") {
      if (at === "/settings") return { ...ROOM, settings: { ...ROOM.settings, ...request.postDataJSON() } };
      if (at === "/blocked-phrases")
        return { id: String(next++), by: ME.username, at: 1, pattern: false, ...request.postDataJSON() };
      return at.startsWith("/preview") || path.startsWith("/auth") ? undefined : true;
    }
    if (at.startsWith("/moderation-log")) return { entries, next_before: null };
    if (at.startsWith("/users/"))
      return {
        user: { ...ME, id: "5", username: at.slice(7), display_name: at.slice(7) },
        role: "viewer",
        banned: null,
        messages: [],
        measures: entries,
        ...part.card,
      };
    if (at === "/roles")
      return {
        roles: [
          { user: { id: "7", username: "mia" }, role: "broadcaster" },
          { user: { id: "8", username: "vic" }, role: "vip" },
        ],
      };
    if (at.startsWith("/bans"))
      return {
        bans: [
          { user: { id: "5", username: "rude_one" }, until: null, reason: part.reason ?? "rude", by: "mia", at: 1 },
        ],
        next_after: null,
      };
    if (at === "/blocked-phrases")
      return { phrases: [{ id: "1", phrase: part.phrase ?? "buy followers", pattern: false, by: "mia", at: 1 }] };
    if (at.endsWith("/original")) return { text: "what was typed" };
    return undefined;
  };
}

export async function moderating({ checks, base, shot }) {
  const people = new People();
  const address = new URL("/r/bestie", base).href;
  const arrive = async (name, stage, options = {}) => {
    const page = await people.arrive(name, { reducedMotion: "reduce", ...options });
    await stage.play(page);
    await page.goto(address);
    return page;
  };
  const clean = async (page, where) => {
    const findings = await axeFindings(page);
    check(findings.length === 0, `axe on ${where}:\n${findings.join("\n")}`);
  };
  const done = (stage, call) => async () => stage.calls.includes(call);
  const until = async (page, holds, what) => {
    for (let turn = 0; turn < 100; turn++) {
      if (await holds()) return;
      await page.waitForTimeout(20);
    }
    throw new Error(`never: ${what}`);
  };

  try {
    await checks.step("a viewer has no tools, and what is taken away is gone from the page", async () => {
      const [hello, bad] = [messageOf("anna", "hello"), messageOf("rude_one", "an ugly word")];
      const stage = new Stage({ history: [hello, bad], member: true });
      const page = await arrive("viewer", stage);
      await rows(page).last().hover();
      equal(
        await rows(page).last().getByRole("button", { name: "Delete this message" }).count(),
        0,
        "tools of a viewer",
      );
      equal(await page.getByRole("button", { name: "Moderation" }).count(), 0, "the panel's button");
      stage.say({ type: "deleted", room: "bestie", ids: [bad.id] });
      await log(page).getByText("Message removed").waitFor();
      check(!(await page.content()).includes("an ugly word"), "the text is still somewhere in the page");
    });

    await checks.step("a moderator deletes with one press, and can look at what was deleted and why", async () => {
      const [hello, bad] = [messageOf("anna", "hello"), messageOf("rude_one", "an ugly word")];
      const entries = [
        entryOf("delete", "rude_one", { message_id: bad.id, reason: "no ugly words", detail: "an ugly" }),
      ];
      const stage = new Stage({
        history: [hello, bad],
        member: true,
        role: "moderator",
        rest: answers(entries),
      });
      const page = await arrive("deletes", stage);
      await rows(page).last().hover();
      await rows(page).last().getByRole("button", { name: "Delete this message" }).click();
      await until(page, done(stage, `DELETE /rooms/bestie/messages/${bad.id}`), "the call");
      stage.say({ type: "deleted", room: "bestie", ids: [bad.id] });
      await log(page).getByText("Message removed").waitFor();
      check(!(await log(page).textContent()).includes("an ugly word"), "it is still shown");
      await log(page).getByRole("button", { name: "show", exact: true }).click();
      await log(page).getByText("an ugly word").waitFor();
      await log(page).getByText("@mia deleted a message of @rude_one: no ugly words").waitFor();
      await clean(page, "a revealed message");
      await shot(page, "mod-revealed");
      stage.say({ type: "role", room: "bestie", you: { role: "viewer" } });
      await until(
        page,
        async () => !(await page.content()).includes("an ugly word"),
        "no text for who moderates no longer",
      );
    });

    await checks.step("keys on a focused row do the same, and the focus stays where it was", async () => {
      const [hello, bad] = [messageOf("anna", "hello"), messageOf("rude_one", "an ugly word")];
      const stage = new Stage({
        history: [hello, bad],
        member: true,
        role: "moderator",
        rest: answers([]),
      });
      const page = await arrive("keys", stage);
      await rows(page).last().waitFor();
      await log(page).focus();
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("d");
      await until(page, done(stage, `DELETE /rooms/bestie/messages/${bad.id}`), "the call");
      stage.say({ type: "deleted", room: "bestie", ids: [bad.id] });
      await log(page).getByText("Message removed").waitFor();
      await until(
        page,
        () => page.evaluate(() => document.activeElement?.textContent?.includes("Message removed")),
        "focus on what took its place",
      );
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("o");
      await log(page).getByText("what was typed").waitFor();
      await page.keyboard.press("b");
      await card(page).getByRole("group", { name: "Time out or ban" }).waitFor();
    });

    await checks.step("a press hits the row it was meant for, while messages pour in", async () => {
      const stage = new Stage({
        history: [messageOf("anna", "hello")],
        member: true,
        role: "moderator",
        rest: answers([]),
      });
      const page = await arrive("steady", stage);
      await rows(page).last().waitFor();
      let line = 0;
      const pour = () => stage.messages(...Array.from({ length: 5 }, () => messageOf(`bo${line}`, `line ${line++}`)));
      for (let turn = 0; turn < 20; turn++) pour();
      await log(page).getByText("line 99", { exact: true }).waitFor();
      const row = rows(page).nth(-4);
      const aimed = await row.getAttribute("data-key");
      await row.hover();
      const button = row.getByRole("button", { name: "Delete this message" });
      const place = await button.boundingBox();
      await page.mouse.move(place.x + 10, place.y + 10);
      for (let turn = 0; turn < 20; turn++) pour();
      await page.getByRole("button", { name: /^Paused · 100 new/ }).waitFor();
      await page.mouse.click(place.x + 10, place.y + 10);
      await until(page, async () => stage.calls.some((call) => call.startsWith("DELETE")), "a deletion");
      const deleted = stage.calls.filter((call) => call.startsWith("DELETE"));
      equal(deleted.join(), `DELETE /rooms/bestie/messages/${aimed}`, "what was deleted");
      await page.mouse.move(5, 5);
      await log(page).getByText("line 199", { exact: true }).waitFor();
      equal(await page.getByRole("button", { name: /^Paused/ }).count(), 0, "it still waits");
    });

    await checks.step("a time-out is one key away in the card, with a reason, and can be taken back", async () => {
      const stage = new Stage({
        history: [messageOf("rude_one", "an ugly word")],
        member: true,
        role: "broadcaster",
        rest: answers([entryOf("timeout", "rude_one", { duration_seconds: 600, reason: "spam" })]),
      });
      const page = await arrive("times out", stage);
      await rows(page).last().hover();
      await rows(page).last().getByRole("button", { name: "Time out or ban rude_one" }).click();
      await card(page).getByText("timed @rude_one out for 10 minutes").waitFor();
      await card(page).getByLabel("Reason").fill("3 times now");
      equal(stage.calls.filter((call) => call.startsWith("PUT")).length, 0, "keys where one types");
      await clean(page, "the card of a moderator");
      await shot(page, "mod-card");
      await card(page).getByRole("button", { name: "Mention" }).focus();
      await page.keyboard.press("3");
      await until(page, done(stage, "PUT /rooms/bestie/bans/rude_one"), "the call");
      await page.getByText("@rude_one is timed out for 10 minutes").waitFor();
      await card(page).getByRole("button", { name: "Close" }).click();
      await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
      await until(page, done(stage, "DELETE /rooms/bestie/bans/rude_one"), "taking it back");
    });

    await checks.step("the panel sets the room, and is without findings in both themes", async () => {
      for (const colorScheme of ["dark", "light"]) {
        const entries = [
          entryOf("ban", "rude_one", { reason: "rude" }),
          entryOf("settings", null, { detail: "slow mode 30 s" }),
        ];
        const pinned = messageOf("anna", "be kind");
        const stage = new Stage({
          history: [messageOf("anna", "hello")],
          member: true,
          role: "broadcaster",
          rest: answers(entries),
          room: { ...ROOM, pinned },
        });
        const page = await arrive(`panel ${colorScheme}`, stage, { colorScheme });
        await page.getByRole("button", { name: "Moderation" }).click();
        await panel(page).getByRole("tab", { name: "Room" }).waitFor();
        await clean(page, `the room's tab, ${colorScheme}`);
        await shot(page, `mod-room-${colorScheme}`);
        await panel(page).getByRole("radio", { name: "30 s" }).click();
        await until(page, done(stage, "PATCH /rooms/bestie/settings"), "the settings");
        const settings = async (name) => {
          const [asked] = await Promise.all([
            page.waitForRequest((request) => request.method() === "PATCH"),
            panel(page).getByRole("button", { name }).click(),
          ]);
          return JSON.stringify(asked.postDataJSON());
        };
        const told = (change) => {
          const now = { ...ROOM.settings, ...change };
          stage.say({ type: "room", room: "bestie", settings: now, viewers: 3, messages_per_second: 0, pinned });
        };
        told({ slow_mode_seconds: 5 });
        await panel(page).getByRole("radio", { name: "5 s", exact: true, checked: true }).waitFor();
        equal(await settings(/^Calm it/), '{"slow_mode_seconds":30,"emote_only":true}', "what calms a room");
        told({ slow_mode_seconds: 30, emote_only: true });
        equal(
          await settings("Let people talk again"),
          '{"slow_mode_seconds":5,"emote_only":false}',
          "as it was before",
        );
        await panel(page).getByRole("button", { name: "Clear the chat…" }).click();
        equal(stage.calls.filter((call) => call.endsWith("/clear")).length, 0, "one press clears nothing");
        await panel(page).getByRole("button", { name: "Keep it" }).click();
        await panel(page).getByRole("tab", { name: "Room" }).focus();
        for (const [tab, text] of [
          ["People", "rude_one"],
          ["Phrases", "buy followers"],
          ["Log", "banned @rude_one"],
        ]) {
          await page.keyboard.press("ArrowRight");
          await panel(page).getByRole("tab", { name: tab, selected: true }).waitFor();
          await panel(page).getByText(text).first().waitFor();
          await clean(page, `${tab}, ${colorScheme}`);
          await shot(page, `mod-${tab.toLowerCase()}-${colorScheme}`);
        }
        await page.getByRole("region", { name: "Pinned message" }).getByRole("button", { name: "Take down" }).click();
        await until(page, done(stage, "DELETE /rooms/bestie/pinned"), "taking the pinned message down");
        stage.say({ type: "role", room: "bestie", you: { role: "viewer" } });
        await panel(page).waitFor({ state: "detached" });
      }
    });

    await checks.step("an admin adds an emote and takes it away", async () => {
      const usual = answers([]);
      const rest = (path, request) => {
        if (path.includes("/emotes")) {
          const emote = { id: "e1", name: "New_One", url: "/emotes/e1", animated: false };
          return request.method() === "PUT" ? emote : request.method() === "GET" ? { emotes: [emote] } : true;
        }
        return usual(path, request);
      };
      for (const colorScheme of ["dark", "light"]) {
        const stage = new Stage({ history: [messageOf("anna", "hello")], member: true, role: "admin", rest });
        const page = await people.arrive(`admin ${colorScheme}`, { reducedMotion: "reduce", colorScheme });
        const picture =
          '<svg xmlns="http://www.w3.org/2000/svg" width="56" height="56"><circle cx="28" cy="28" r="26" fill="#FFC24D"/></svg>';
        await page.route("**/emotes/e1", (route) => route.fulfill({ contentType: "image/svg+xml", body: picture }));
        await stage.play(page);
        await page.goto(address);
        await page.getByRole("button", { name: "Moderation" }).click();
        await panel(page).getByRole("button", { name: "Emotes…" }).click();
        await card(page).getByText("New_One").waitFor();
        await clean(page, `the administration, ${colorScheme}`);
        await shot(page, `admin-${colorScheme}`);
        await card(page).getByLabel("Name", { exact: true }).fill("New_One");
        await card(page)
          .getByLabel("Picture")
          .setInputFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
        await card(page).getByText("That is no SVG, PNG, GIF or WebP.").waitFor();
        check(await card(page).getByRole("button", { name: "Add the emote" }).isDisabled(), "it could be sent");
        await card(page)
          .getByLabel("Picture")
          .setInputFiles({ name: "a.svg", mimeType: "image/svg+xml", buffer: Buffer.from(picture) });
        await card(page).getByText("a.svg").waitFor();
        // Both previews are drawn: the policy allows the picture that was chosen.
        await page.waitForFunction(() => {
          const seen = [...document.querySelectorAll('dialog img[src^="data:"]')];
          return seen.length === 2 && seen.every((image) => image.naturalWidth > 0);
        });
        await clean(page, `a chosen picture, ${colorScheme}`);
        await shot(page, `admin-picture-${colorScheme}`);
        await card(page).getByRole("button", { name: "Add the emote" }).click();
        await until(page, done(stage, "PUT /rooms/bestie/emotes/New_One"), "the emote");
        await card(page).getByRole("button", { name: "Remove New_One" }).click();
        await until(page, done(stage, "DELETE /rooms/bestie/emotes/New_One"), "its end");
      }
    });

    await checks.step("who is timed out is told where they type, until it is over", async () => {
      const stage = new Stage({ member: true });
      const page = await people.arrive("timed out");
      await page.clock.install();
      await stage.play(page);
      await page.goto(address);
      await page.getByRole("button", { name: "Send", exact: true }).waitFor();
      const now = await page.evaluate(() => Date.now());
      stage.say({ type: "banned", room: "bestie", until: now + 5_000, reason: "spam" });
      await page
        .getByRole("alert")
        .getByText(/timed you out until .*Reason: spam/)
        .waitFor();
      const box = page.getByRole("textbox", { name: /^Message in/ });
      await box.fill("let me");
      check(await page.getByRole("button", { name: "Send", exact: true }).isDisabled(), "it could be sent");
      await page.clock.runFor(6_000);
      check(await page.getByRole("button", { name: "Send", exact: true }).isEnabled(), "it is over");
      stage.say({ type: "banned", room: "bestie", until: null, reason: null });
      await page.getByRole("alert").getByText("banned you").waitFor();
      stage.say({ type: "unbanned", room: "bestie" });
      await page.getByRole("alert").waitFor({ state: "detached" });
    });

    await checks.step("hostile reasons, phrases and titles are text", async () => {
      const all = HOSTILE.join(" | ");
      const entries = HOSTILE.map((text) => entryOf(text, text, { reason: text, detail: text, moderator: text }));
      const room = { ...ROOM, title: all, description: all };
      const stage = new Stage({
        history: [messageOf("rude_one", "hi")],
        member: true,
        role: "admin",
        room,
        rest: answers(entries, { reason: all, phrase: all }),
      });
      const page = await arrive("hostile moderation", stage);
      await page.getByRole("button", { name: "Moderation" }).click();
      for (const [tab, text] of [
        ["People", "rude_one"],
        ["Phrases", HOSTILE[0]],
        ["Log", HOSTILE[1]],
        ["Room", "Clear the chat"],
      ]) {
        await panel(page).getByRole("tab", { name: tab }).click();
        await panel(page).getByText(text).first().waitFor();
        await unhurt(page, `${tab} of a hostile room`);
      }
      stage.say({ type: "banned", room: "bestie", until: null, reason: all });
      await page.getByRole("alert").first().waitFor();
      await unhurt(page, "a hostile reason");
    });

    await checks.step("no page complained of a moderator", () =>
      check(people.complaints.length === 0, people.complaints.join("\n")),
    );
  } finally {
    await people.close();
  }
}
