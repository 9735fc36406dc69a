/** Two people in a room who call, answer, mute and look for each other, against a running server. */
import { axeFindings } from "./browser.mjs";
import { check, equal } from "./checks.mjs";

const PASSWORD = "correct horse battery";
const log = (page) => page.getByRole("log");
const rows = (page) => log(page).locator("[data-key]");
const box = (page) => page.getByRole("textbox", { name: /^Message in/ });
const rowWith = (page, text) => rows(page).filter({ hasText: text }).last();

async function say(page, text) {
  await box(page).fill(text);
  await box(page).press("Enter");
  await rowWith(page, text).waitFor();
  await page.locator("[data-status]").waitFor({ state: "detached" });
}

async function logIn(page, name, intent) {
  await page.getByRole("button", { name: "Log in" }).first().click();
  const sheet = page.getByRole("dialog");
  if (intent === "register") await sheet.getByRole("button", { name: "Pick one" }).click();
  await sheet.getByLabel("Name", { exact: true }).fill(name);
  await sheet.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await sheet.getByRole("button", { name: intent === "register" ? "Join" : "Log in", exact: true }).click();
  await page.getByRole("button", { name: "Send", exact: true }).waitFor();
}

export async function together({ checks, people, base, shot }) {
  const address = new URL("/r/bestie", base).href;
  const mark = Date.now().toString(36);
  const [una, vic] = [await people.arrive("una"), await people.arrive("vic")];
  const [unaName, vicName] = [`una_${mark}`, `vic_${mark}`];

  await checks.step("two people join by keyboard and sheet", async () => {
    for (const [page, name] of [
      [una, unaName],
      [vic, vicName],
    ]) {
      await page.goto(address);
      await logIn(page, name, "register");
    }
  });

  await checks.step("a name is completed and calls the one it names", async () => {
    await say(vic, `first${mark} from vic`);
    await rowWith(una, `first${mark}`).waitFor();
    await box(una).fill(`ask${mark} ${vicName.slice(0, 6)}`);
    await box(una).press("Tab");
    equal(await box(una).inputValue(), `ask${mark} @${vicName} `, "the box");
    await box(una).press("Enter");
    const called = rowWith(vic, `ask${mark}`);
    await called.getByText("To you:").waitFor({ state: "attached" });
    await vic.getByRole("button", { name: "Mentions, 1 new" }).click();
    await vic.getByRole("region", { name: "Mentions" }).getByText(`ask${mark}`).first().waitFor();
    await shot(vic, "mentions");
    await vic.getByRole("button", { name: "Close Mentions" }).click();
    await vic.getByRole("button", { name: "Mentions", exact: true }).waitFor();
    await vic.getByTestId("announcer").getByText(unaName).waitFor({ state: "attached" });
  });

  await checks.step("an answer is shown with what it answers and opens the thread, by keys alone", async () => {
    await log(vic).focus();
    await vic.keyboard.press("ArrowUp");
    for (let row = 0; row < 5; row++) {
      if ((await vic.locator(":focus").textContent()).includes(`ask${mark}`)) break;
      await vic.keyboard.press("ArrowUp");
    }
    await vic.keyboard.press("r");
    await vic.getByText("Replying to").waitFor();
    await say(vic, `answer${mark}`);
    const answer = rowWith(una, `answer${mark}`);
    await answer.getByRole("button", { name: new RegExp(`ask${mark}`) }).waitFor();
    await log(una).focus();
    await una.keyboard.press("ArrowUp");
    await una.keyboard.press("t");
    const thread = una.getByRole("region", { name: "Thread" });
    equal(await thread.getByRole("listitem").count(), 2, "lines in the thread");
    await say(vic, `beside${mark}`);
    equal(await thread.getByRole("listitem").count(), 2, "lines in the thread after one beside it");
    await una.keyboard.press("Escape");
    await thread.waitFor({ state: "detached" });
  });

  await checks.step("muting hides someone for oneself, and unmuting brings the lines back", async () => {
    await una
      .getByRole("button", { name: /Back to the newest|^Paused/ })
      .first()
      .click();
    await rowWith(una, `beside${mark}`).getByRole("button", { name: vicName, exact: true }).click();
    const card = una.getByRole("dialog", { name: vicName });
    await card.getByRole("listitem").first().waitFor();
    await card.getByRole("button", { name: "Mute" }).click();
    await card.getByRole("button", { name: "Unmute" }).waitFor();
    equal(
      await rows(una)
        .filter({ hasText: `beside${mark}` })
        .count(),
      0,
      "lines of a muted person",
    );
    await card.getByRole("button", { name: "Unmute" }).click();
    await card.getByRole("button", { name: "Close" }).click();
    await rowWith(una, `beside${mark}`).waitFor();
  });

  await checks.step("one goes to the room's beginning and back to now", async () => {
    const newest = await rows(una).last().getAttribute("data-key");
    await una.getByRole("button", { name: "Go to a time" }).click();
    await una.getByRole("dialog").getByRole("button", { name: "The beginning" }).click();
    await una.getByRole("dialog").waitFor({ state: "detached" });
    await log(una).getByText("This is where Bestie begins.").waitFor();
    const findings = await axeFindings(una);
    check(findings.length === 0, findings.join("\n"));
    await una.getByRole("button", { name: /^(Back to now|Paused)/ }).click();
    await una.waitForFunction((key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`), newest);
    await una.waitForFunction(() => {
      const list = document.querySelector('[role="log"]');
      return list.scrollHeight - list.scrollTop - list.clientHeight < 2;
    });
  });

  await checks.step("a room left behind counts what is said there, and who called", async () => {
    await una.keyboard.press("Control+k");
    await una.getByRole("searchbox", { name: "Find a room" }).fill("syn");
    await una.keyboard.press("Enter");
    await una.getByRole("heading", { level: 1, name: /Synergy/ }).waitFor();
    await say(vic, `news${mark} for @${unaName}`);
    await una.getByRole("link", { name: /Bestie.*1 new, some to you/ }).waitFor({ timeout: 30_000 });
    await shot(una, "unread");
    await una.getByRole("link", { name: /Bestie/ }).click();
    await rowWith(una, `news${mark}`).waitFor();
    equal(await una.getByRole("link", { name: /Bestie.*new/ }).count(), 0, "marks on the room one is in");
  });

  await checks.step("a reload before the answer to a refresh costs nobody their session", async () => {
    await vic.goto(address);
    const exchanged = new Promise((resolve, reject) => {
      // The server exchanges the token, and the page that asked for it never hears of that.
      const lose = (route) => route.fetch().then((answer) => resolve(answer.status()), reject);
      void vic.route("**/api/v1/auth/refresh", lose, { times: 1 }).then(() => vic.reload(), reject);
    });
    equal(await exchanged, 200, "the answer that was lost");
    await vic.reload();
    await say(vic, `again${mark} here`);
  });

  await checks.step("a new password logs out every other browser and keeps this one", async () => {
    const phone = await people.arrive("vic's phone", { viewport: { width: 390, height: 780 } });
    await phone.goto(address);
    await logIn(phone, vicName, "login");
    await vic
      .getByRole("button", { name: /your profile/ })
      .first()
      .click();
    await vic
      .getByRole("dialog")
      .getByRole("button", { name: /Change password/ })
      .click();
    const sheet = vic.getByRole("dialog", { name: "New password" });
    await sheet.getByLabel("Password now").fill(PASSWORD);
    await sheet.getByLabel("New password").fill("battery staple horse");
    await sheet.getByText("Strength: strong.").waitFor();
    await sheet.getByRole("button", { name: /Change it/ }).click();
    await sheet.waitFor({ state: "detached" });
    await vic.reload();
    await say(vic, `still${mark} here`);
    await phone.reload();
    await phone.getByRole("button", { name: "Join to send" }).waitFor();
  });
}
