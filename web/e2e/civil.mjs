/**
 * A moderator at work against a real server, with others looking on: what is deleted goes for everyone, who is banned
 * cannot write, what is set holds, also after the server was started anew.
 *
 *     node e2e/civil.mjs PATH_TO_TWITCHY [--shots DIR]
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { axeFindings, People } from "./browser.mjs";
import { Checks, check, equal, Stop } from "./checks.mjs";
import { Server } from "./server.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: "string" } } });
const [binary] = positionals;
if (!binary) {
  console.error("usage: node e2e/civil.mjs PATH_TO_TWITCHY [--shots DIR]");
  process.exit(64);
}
if (values.shots) mkdirSync(values.shots, { recursive: true });

const PASSWORD = "correct horse battery";
const checks = new Checks();
const people = new People();
const server = new Server(binary);
const box = (page) => page.getByRole("textbox", { name: /^Message in/ });
const log = (page) => page.getByRole("log");
const rows = (page) => log(page).locator("[data-key]");
const rowWith = (page, text) => rows(page).filter({ hasText: text }).last();
const shot = async (page, name) => {
  if (values.shots) await page.screenshot({ path: join(values.shots, `${name}.png`) });
};

async function say(page, text) {
  await box(page).fill(text);
  await box(page).press("Enter");
}

async function enter(page, name, intent) {
  await page.getByRole("button", { name: "Log in" }).first().click();
  const sheet = page.getByRole("dialog");
  await sheet.waitFor();
  if (intent === "register") await sheet.getByRole("button", { name: "Pick one" }).click();
  await sheet.getByLabel("Name", { exact: true }).fill(name);
  await sheet.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await sheet.getByRole("button", { name: intent === "register" ? "Join" : "Log in", exact: true }).click();
  await page.getByRole("button", { name: "Send", exact: true }).waitFor();
}

try {
  let base = await server.start();
  const listen = new URL(base).host;
  const room = () => new URL("/r/bestie", base).href;
  const [mod, rude, reader] = [await people.arrive("mod"), await people.arrive("rude"), await people.arrive("reader")];

  await checks.step("a moderator, someone rude and a reader come together", async () => {
    for (const page of [mod, rude, reader]) await page.goto(room());
    await enter(mod, "mia_mod", "register");
    await enter(rude, "rude_one", "register");
    await server.end("SIGTERM");
    await server.run("user", "promote", "mia_mod");
    base = await server.start(listen);
    // How long a page waits before it comes back by itself is not this walk's business.
    for (const page of [mod, rude, reader]) await page.reload();
    await mod.getByRole("button", { name: "Moderation" }).waitFor();
    await rude.getByRole("button", { name: "Send", exact: true }).waitFor();
    equal(await rude.getByRole("button", { name: "Moderation" }).count(), 0, "tools of someone rude");
  });

  await checks.step("a deleted line goes for everyone, and the moderator can look at it", async () => {
    await say(rude, "ugly7701 word");
    for (const page of [mod, reader]) await rowWith(page, "ugly7701").waitFor();
    const row = rowWith(mod, "ugly7701");
    await row.hover();
    await row.getByRole("button", { name: "Delete this message" }).click();
    await log(reader).getByText("Message removed").waitFor();
    check(!(await reader.content()).includes("ugly7701"), "the reader's page still has it");
    await log(rude).getByText("Your message was removed").waitFor();
    await log(mod).getByText("Message removed").waitFor();
    await log(mod).getByRole("button", { name: "show", exact: true }).click();
    await log(mod).getByText("ugly7701").first().waitFor();
    await log(mod)
      .getByText(/@mia_mod deleted a message of @rude_one/)
      .waitFor();
    await shot(mod, "civil-deleted");
    const late = await people.arrive("late");
    await late.goto(room());
    await box(late).waitFor();
    check(!(await late.content()).includes("ugly7701"), "whoever comes later finds it");
  });

  await checks.step("who is banned cannot write, also after a reload, until it is lifted", async () => {
    await mod.getByRole("button", { name: /^Paused/ }).click();
    await say(rude, "line 7702 stands");
    for (const page of [mod, reader]) await rowWith(page, "7702").waitFor();
    const row = rowWith(mod, "7702");
    await row.hover();
    await row.getByRole("button", { name: "Time out or ban rude_one" }).click();
    const card = mod.getByRole("dialog");
    await card.getByLabel("Reason").fill("rude again");
    await card.getByRole("button", { name: "Ban", exact: true }).click();
    await card.getByText("rude again").first().waitFor();
    await shot(mod, "civil-card");
    await rude.getByRole("alert").getByText("Reason: rude again").waitFor();
    await box(rude).fill("let me in");
    check(await rude.getByRole("button", { name: "Send", exact: true }).isDisabled(), "it could be sent");
    await rowWith(reader, "7702").waitFor({ state: "detached" });
    check(!(await reader.content()).includes("7702"), "a banned one's lines are still there");
    await server.end("SIGKILL");
    base = await server.start(listen);
    for (const page of [mod, rude, reader]) await page.reload();
    await rude.getByRole("alert").getByText("Reason: rude again").waitFor();
    await mod.getByRole("button", { name: "Moderation" }).click();
    const panel = mod.getByRole("region", { name: "Moderation" });
    await panel.getByRole("tab", { name: "People" }).click();
    await panel.getByRole("button", { name: "Lift the ban of rude_one" }).click();
    await rude.getByRole("alert").waitFor({ state: "detached" });
    await say(rude, "line 7703 again");
    await rowWith(reader, "7703").waitFor();
  });

  await checks.step("slow mode, a blocked phrase and a pinned message hold for everyone at once", async () => {
    const panel = mod.getByRole("region", { name: "Moderation" });
    await panel.getByRole("tab", { name: "Phrases" }).click();
    await panel.getByLabel("Words that may not be said").fill("buy followers");
    await panel.getByRole("button", { name: "Block it" }).click();
    await panel.getByText("buy followers").waitFor();
    await say(rude, "please buy followers 7704");
    await rude.locator('[data-status="failed"]').waitFor();
    check(!(await reader.content()).includes("7704"), "it was shown");
    await rude.locator('[data-status="failed"]').getByRole("button", { name: "Discard" }).click();
    await panel.getByRole("tab", { name: "Room" }).click();
    // Longer than any machine takes from here to where it is lifted.
    await panel.getByRole("radio", { name: "2 m" }).click();
    await rude.locator("form").getByText("Slow mode: one line every 2 min").waitFor();
    await say(rude, "line 7705 slowly");
    await rude.getByRole("button", { name: /^Send when slow mode allows/ }).waitFor();
    await say(rude, "line 7706 by itself");
    await rude.getByText(/^Goes out/).waitFor();
    check(!(await reader.content()).includes("7706"), "it did not wait");
    await panel.getByRole("radio", { name: "Off" }).click();
    await rowWith(reader, "7706").waitFor();
    await rowWith(mod, "7703").hover();
    await rowWith(mod, "7703").getByRole("button", { name: "Pin for everyone" }).click();
    await reader.getByRole("region", { name: "Pinned message" }).getByText("7703").waitFor();
    await panel.getByRole("tab", { name: "Log" }).click();
    await panel.getByText("pinned a message").waitFor();
    await shot(mod, "civil-log");
  });

  await checks.step("emotes are pictures for everyone", async () => {
    await panelClosed(mod);
    await mod.getByRole("button", { name: "Emotes", exact: true }).click();
    const first = mod.getByRole("dialog", { name: "Emotes" }).getByRole("gridcell").first().getByRole("button");
    const name = await first.getAttribute("aria-label");
    await first.click();
    await mod.keyboard.press("Escape");
    await box(mod).press("Enter");
    await rows(reader).last().getByRole("img", { name }).first().waitFor();
    await reader.waitForFunction(() =>
      [...document.querySelectorAll('[role="log"] img')].every((image) => image.complete && image.naturalWidth > 0),
    );
    await shot(reader, "civil-emotes");
  });

  await checks.step(
    "an admin makes a room, and whoever looks on sees it come, change its name, close and open",
    async () => {
      const panel = mod.getByRole("region", { name: "Moderation" });
      const sheet = mod.getByRole("dialog", { name: "Rooms" });
      const administer = async () => {
        await mod.getByRole("button", { name: "Moderation" }).click();
        await panel.getByRole("button", { name: "Rooms…" }).click();
        await sheet.waitFor();
      };
      await administer();
      await sheet.getByLabel("Title").fill("Night shift");
      await sheet.getByLabel("Address").fill("Night shift");
      await sheet.getByText("Only small letters, digits and _").waitFor();
      check(await sheet.getByRole("button", { name: "Open the room" }).isDisabled(), "that is no address");
      await sheet.getByLabel("Address").fill("bestie");
      await sheet.getByLabel("Description").fill("For those who are up.");
      await sheet.getByRole("radio", { name: /^corporate/ }).check();
      await sheet.getByRole("button", { name: "Open the room" }).click();
      await sheet.getByText("There is a room of that address already").waitFor();
      await sheet.getByLabel("Address").fill("night_shift");
      await clean(mod, "the rooms' sheet");
      await shot(mod, "civil-rooms");
      await sheet.getByRole("button", { name: "Open the room" }).click();
      await mod.waitForURL("**/r/night_shift");
      await mod.getByRole("heading", { level: 1, name: "Night shift" }).waitFor();

      await reader.keyboard.press("Control+k");
      await reader.getByRole("searchbox", { name: "Find a room" }).fill("night");
      await reader
        .getByRole("dialog")
        .getByRole("link", { name: /Night shift/ })
        .click();
      await reader.getByRole("heading", { level: 1, name: "Night shift" }).waitFor();
      await say(mod, "line 7707 in the new room");
      await rowWith(reader, "7707").waitFor();

      await mod.getByRole("button", { name: "Moderation" }).click();
      await panel.getByLabel("Title").fill("Night watch");
      await panel.getByRole("button", { name: "Save the words" }).click();
      for (const page of [mod, reader]) await page.getByRole("heading", { level: 1, name: "Night watch" }).waitFor();

      await panel.getByRole("button", { name: "Rooms…" }).click();
      await sheet.getByRole("button", { name: "Close this room…" }).click();
      await sheet.getByRole("button", { name: "Close it" }).click();
      await sheet.getByRole("button", { name: "Open Night watch again" }).waitFor();
      await reader.getByRole("heading", { level: 1, name: /closed/ }).waitFor();
      check(!(await reader.content()).includes("7707"), "a closed room is still on the page");
      await mod.reload();
      await mod.getByText("This room is closed: only admins can read it").waitFor();
      await rowWith(mod, "7707").waitFor();
      await log(mod).getByText("This is where Night watch begins").waitFor();
      await clean(mod, "a closed room");
      await shot(mod, "civil-closed");
      await administer();
      await sheet.getByRole("button", { name: "Open Night watch again" }).click();
      await sheet.getByRole("button", { name: "Close this room…" }).waitFor();
      await mod.getByText("This room is closed: only admins can read it").waitFor({ state: "detached" });
      await reader.reload();
      await rowWith(reader, "7707").waitFor();
    },
  );

  await checks.step("no page complained", () => {
    const real = people.complaints.filter((line) => !/Failed to load resource|WebSocket connection/.test(line));
    check(real.length === 0, real.join("\n"));
  });
} catch (error) {
  if (!(error instanceof Stop)) {
    checks.failures.push("the walk itself");
    console.log(`FAIL the walk itself\n     ${error?.stack ?? error}`);
  }
} finally {
  await people.close();
  await server.dispose();
}
process.exitCode = checks.finish();

async function clean(page, where) {
  // A sheet that is still fading in has other colours than the one people read.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
  const findings = await axeFindings(page);
  check(findings.length === 0, `axe on ${where}:\n${findings.join("\n")}`);
}

async function panelClosed(page) {
  await page.getByRole("button", { name: "Close Moderation" }).click();
}
