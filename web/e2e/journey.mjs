/**
 * The whole product in one journey, in real browsers against a running server:
 *
 *     node e2e/journey.mjs http://127.0.0.1:8080 [--shots DIR] [--only PART]
 *
 * It registers a new account each time and leaves messages in the room `bestie`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { axeFindings, People } from "./browser.mjs";
import { Checks, check, equal, Stop } from "./checks.mjs";
import { emotes } from "./emotes.mjs";
import { feeds } from "./feeds.mjs";
import { hostile } from "./hostile.mjs";
import { moderating } from "./moderating.mjs";
import { together } from "./together.mjs";

const STYLED = "Hey bestie! ✨💅  Fr fr, hi bestie!  No cap, slayyy.  Busssin.  🤪";
const HOSTILE = [
  "<script>globalThis.hacked=1</script>",
  "<img src=x onerror=globalThis.hacked=1>",
  "<svg onload=globalThis.hacked=1>",
  "javascript:globalThis.hacked=1",
];

/** What travels for the first page, compressed. */
const FIRST_LOAD_MAX = 200_000;

/** What follows the walk; any of it can be run alone by its name. */
const PARTS = { together, hostile, feeds, moderating, emotes };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { shots: { type: "string" }, only: { type: "string" } },
});
const [base] = positionals;
if (!base || !URL.canParse(base) || (values.only && !Object.hasOwn(PARTS, values.only))) {
  console.error(`usage: node e2e/journey.mjs BASE_URL [--shots DIR] [--only ${Object.keys(PARTS).join("|")}]`);
  process.exit(64);
}
const { shots } = values;
if (shots) mkdirSync(shots, { recursive: true });

const checks = new Checks();
const people = new People();
const shot = async (page, name) => {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) });
};
const messages = (page) => page.getByRole("log");
const box = (page) => page.getByRole("textbox", { name: /^Message in/ });
const rowCount = (page) => messages(page).locator("[data-key]").count();
const username = `e2e_${Date.now().toString(36)}`;

/** Text as a person sees it, with its spaces. */
const lineWith = (page, text) => messages(page).locator("[data-key]").filter({ hasText: text }).last();

async function say(page, text) {
  await box(page).fill(text);
  await box(page).press("Enter");
}

async function seesExactly(page, text) {
  await lineWith(page, "No cap, slayyy").waitFor();
  await page.waitForFunction(
    (expected) =>
      // biome-ignore lint/performance/useDomNodeTextContent: what a person sees, hidden text left out.
      [...document.querySelectorAll('[role="log"] [data-key]')].some((row) => row.innerText.includes(expected)),
    text,
  );
}

async function clean(page, where) {
  // A sheet that is still fading in has other colours than the one people read.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
  const findings = await axeFindings(page);
  check(findings.length === 0, `axe on ${where}:\n${findings.join("\n")}`);
}

try {
  if (values.only) {
    await PARTS[values.only]({ checks, people, base, shot });
    throw new Stop();
  }
  const ines = await people.arrive("ines");

  await checks.step("the landing page shows three rooms", async () => {
    await ines.goto(base);
    await ines.getByRole("list", { name: "Rooms", exact: true }).waitFor();
    equal(await ines.getByRole("list", { name: "Rooms", exact: true }).getByRole("listitem").count(), 3, "rooms");
    await shot(ines, "landing");
    await clean(ines, "the landing page");
  });

  await checks.step("the first visit loads less than 200 kB", async () => {
    const bytes = await ines.evaluate(() =>
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce(
        (sum, entry) => sum + entry.encodedBodySize,
        0,
      ),
    );
    console.log(`     ${bytes} bytes`);
    // None at all would mean that nobody counted.
    check(bytes > 50_000 && bytes < FIRST_LOAD_MAX, `${bytes} bytes`);
  });

  await checks.step("a typed sentence appears as each room would say it", async () => {
    const before = await ines.getByTestId(/^take-/).allTextContents();
    await ines.getByRole("textbox", { name: "Say something normal." }).fill("the meeting could have been an email");
    await ines.waitForFunction((old) => {
      const now = [...document.querySelectorAll('[data-testid^="take-"]')].map((take) => take.textContent);
      return now.length === 3 && now.every((text, at) => text !== old[at]);
    }, before);
    equal(new Set(await ines.getByTestId(/^take-/).allTextContents()).size, 3, "different takes");
    await shot(ines, "previews");
  });

  await checks.step("a click on a card is the room, with what was typed in the box", async () => {
    await ines.getByRole("textbox", { name: "Say something normal." }).fill("");
    await ines.getByRole("link", { name: "Bestie" }).click();
    await messages(ines).waitFor();
    check(new URL(ines.url()).pathname === "/r/bestie", `the address is ${ines.url()}`);
  });

  const reader = await people.arrive("reader");

  await checks.step("a reader without an account is let in and invited to join", async () => {
    await reader.goto(new URL("/r/bestie", base).href);
    await reader.getByRole("button", { name: "Join to send" }).waitFor();
    await ines.getByRole("button", { name: "Join to send" }).waitFor();
    await clean(ines, "the room");
  });

  await checks.step("registering keeps what was typed and sends it", async () => {
    await say(ines, "hi there");
    const sheet = ines.getByRole("dialog", { name: "Pick a name" });
    await sheet.waitFor();
    await sheet.getByLabel("Name", { exact: true }).fill("no spaces");
    await sheet.getByText("A name has no spaces").waitFor();
    await clean(ines, "the sheet");
    await shot(ines, "sheet");
    await sheet.getByLabel("Name", { exact: true }).fill(username);
    await sheet.getByLabel("Password", { exact: true }).fill("correct horse battery");
    await sheet.getByRole("button", { name: "Join and send" }).click();
    await sheet.waitFor({ state: "hidden" });
    await ines.getByRole("button", { name: "Send", exact: true }).waitFor();
  });

  await checks.step("the room's own words appear for the author, to the letter", () => seesExactly(ines, STYLED));
  await checks.step("and for the reader in another browser", () => seesExactly(reader, STYLED));

  await checks.step("whoever comes later finds them in the history", async () => {
    const late = await people.arrive("late");
    await late.goto(new URL("/r/bestie", base).href);
    await seesExactly(late, STYLED);
    check((await rowCount(late)) >= 1, "no history");
  });

  await checks.step("the author can look at what was typed", async () => {
    const row = lineWith(ines, "No cap, slayyy");
    await row.hover();
    await row.getByText("You typed hi there").waitFor();
  });

  await checks.step("hostile text stays text, for everyone", async () => {
    for (const text of HOSTILE) {
      await sayPatiently(ines, text);
      await lineWith(reader, "hacked=1").waitFor();
    }
    for (const page of [ines, reader]) {
      equal(await page.evaluate(() => globalThis.hacked), undefined, "the text ran");
      const elements = messages(page).locator("script, img[src], iframe, [onerror], [onload], a[href^='javascript']");
      equal(await elements.count(), 0, "markup made of text");
    }
  });

  await checks.step("one can scroll back past what was there on joining, without a jump", async () => {
    for (let line = 0; line < 40; line++) await sayPatiently(ines, `line number ${line}`);
    const short = await people.arrive("scroller", { viewport: { width: 800, height: 420 } });
    await short.goto(new URL("/r/bestie", base).href);
    await short.waitForFunction(() => document.querySelectorAll('[role="log"] [data-key]').length >= 10);
    const first = await short.locator('[role="log"] [data-key]').first().getAttribute("data-key");
    await messages(short).hover();
    await short.mouse.wheel(0, -200);
    await short.getByRole("button", { name: /^Paused/ }).waitFor();
    await short.waitForFunction(
      (key) => {
        const list = document.querySelector('[role="log"]');
        list.dispatchEvent(new WheelEvent("wheel", { deltaY: -300 }));
        list.scrollTop -= 300;
        return list.querySelector("[data-key]").dataset.key !== key;
      },
      first,
      { polling: 100 },
    );
    check((await rowCount(short)) > 30, "nothing older was loaded");
    await shot(short, "scrolled-back");

    const top = await firstInSight(short);
    await sayPatiently(ines, "news while paused");
    await short.getByRole("button", { name: /1 new/ }).waitFor();
    const now = await firstInSight(short);
    equal(now.key, top.key, "the row at the top");
    check(Math.abs(now.top - top.top) <= 1, `the row moved by ${now.top - top.top} px`);
    await short.getByRole("button", { name: /^Paused/ }).click();
    await lineWith(short, /news while paused/i)
      .or(messages(short).locator("[data-key]").last())
      .last()
      .waitFor();
    await short.waitForFunction(() => {
      const list = document.querySelector('[role="log"]');
      return list.scrollHeight - list.scrollTop - list.clientHeight < 2;
    });
  });

  await checks.step("a reload keeps the account, logging out ends it", async () => {
    await ines.reload();
    await ines.getByRole("button", { name: "Send", exact: true }).waitFor();
    await ines
      .getByRole("button", { name: /your profile/ })
      .first()
      .click();
    await ines.getByRole("dialog", { name: "You" }).getByRole("button", { name: "Log out", exact: true }).click();
    await ines.getByRole("button", { name: "Join to send" }).waitFor();
  });

  await checks.step("both themes and a phone are without serious findings", async () => {
    for (const colorScheme of ["dark", "light"]) {
      const phone = await people.arrive(`phone ${colorScheme}`, {
        colorScheme,
        viewport: { width: 390, height: 780 },
        reducedMotion: "reduce",
      });
      await phone.goto(new URL("/r/bestie", base).href);
      await phone.waitForFunction(() => document.querySelectorAll('[role="log"] [data-key]').length > 0);
      await clean(phone, `the room on a phone, ${colorScheme}`);
      equal(await phone.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, "sideways scroll");
      await shot(phone, `phone-${colorScheme}`);
    }
  });

  for (const part of Object.values(PARTS)) await part({ checks, people, base, shot });

  await checks.step("no page complained and the policy was kept", async () => {
    // Whoever is logged out from elsewhere finds that out by a refused call, and the browser says so.
    const real = people.complaints.filter((line) => !/^vic.*status of 401/.test(line));
    check(real.length === 0, real.join("\n"));
    for (const page of [ines, reader])
      equal((await page.evaluate(() => globalThis.violations)).join(), "", "violations");
  });
} catch (error) {
  if (!(error instanceof Stop)) {
    checks.failures.push("the journey itself");
    console.log(`FAIL the journey itself\n     ${error?.stack ?? error}`);
  } else if (people.complaints.length > 0)
    console.log(`     pages complained:\n     ${people.complaints.join("\n     ")}`);
} finally {
  await people.close();
}
process.exitCode = checks.finish();

/** Sends a line and waits until the room has it, trying again for as long as the server says it was too fast. */
async function sayPatiently(page, text) {
  const before = await ownCount(page);
  await say(page, text);
  const arrived = page.waitForFunction(
    (count) => {
      const retry = [...document.querySelectorAll('[data-action="retry"]')].at(-1);
      const wait = /in \d+ s/.test(document.querySelector('form [role="alert"]')?.textContent ?? "");
      if (retry && !wait) retry.click();
      return globalThis.ownLines?.() > count && !retry;
    },
    before,
    { polling: 50, timeout: 30_000 },
  );
  await arrived.catch(async (error) => {
    const pending = await page.locator("[data-status]").allTextContents();
    const alert = await page.locator('form [role="alert"]').allTextContents();
    throw new Error(
      `“${text}” did not reach the room (${error.name}); pending: ${pending.join(" | ")}; told: ${alert.join()}`,
    );
  });
}

/** Own lines that reached the room so far, counted by the page as they come, since the list forgets old ones. */
async function ownCount(page) {
  return page.evaluate(() => {
    if (!globalThis.ownLines) {
      const seen = new Set();
      const look = () => {
        for (const row of document.querySelectorAll("[data-fresh]")) seen.add(row.dataset.key);
      };
      look();
      new MutationObserver(look).observe(document.querySelector('[role="log"]'), { childList: true, subtree: true });
      globalThis.ownLines = () => {
        look();
        return seen.size;
      };
    }
    return globalThis.ownLines();
  });
}

async function firstInSight(page) {
  return page.evaluate(() => {
    const list = document.querySelector('[role="log"]');
    const edge = list.getBoundingClientRect().top;
    for (const row of list.querySelectorAll("[data-key]")) {
      const box = row.getBoundingClientRect();
      if (box.bottom > edge + 1) return { key: row.dataset.key, top: box.top };
    }
    return { key: "", top: 0 };
  });
}
