/**
 * The server is killed under a chat and comes back on the same data and address: nobody loses a line or sees one twice.
 *
 *     node e2e/restart.mjs PATH_TO_TWITCHY
 */
import { People } from "./browser.mjs";
import { Checks, check, equal, Stop } from "./checks.mjs";
import { Server } from "./server.mjs";

const [binary] = process.argv.slice(2);
if (!binary) {
  console.error("usage: node e2e/restart.mjs PATH_TO_TWITCHY");
  process.exit(64);
}
const checks = new Checks();
const people = new People();
const box = (page) => page.getByRole("textbox", { name: /^Message in/ });
const log = (page) => page.getByRole("log");
const server = new Server(binary);

/** How often each of the numbered lines stands in the log, styled or not: numbers survive every style. */
const numbers = (page) =>
  log(page)
    .locator("[data-key]")
    .evaluateAll((rows) => rows.flatMap((row) => row.textContent.match(/\b77\d\d\b/g)?.slice(0, 1) ?? []));

async function say(page, text) {
  await box(page).fill(text);
  await box(page).press("Enter");
}

try {
  let base = await server.start();
  const listen = new URL(base).host;
  const writer = await people.arrive("writer");
  const reader = await people.arrive("reader");
  for (const page of [writer, reader]) await page.goto(new URL("/r/bestie", base).href);

  await checks.step("someone writes and someone reads", async () => {
    await say(writer, "number 7700 here");
    const sheet = writer.getByRole("dialog", { name: "Pick a name" });
    await sheet.getByLabel("Name", { exact: true }).fill("restart_writer");
    await sheet.getByLabel("Password", { exact: true }).fill("correct horse battery");
    await sheet.getByRole("button", { name: "Join and send" }).click();
    await log(reader).getByText("7700").first().waitFor();
  });

  for (const [round, signal] of ["SIGTERM", "SIGKILL"].entries()) {
    const first = 7701 + round * 3;
    await checks.step(`after ${signal} all lines are there once, those written meanwhile too`, async () => {
      await say(writer, `number ${first} before the end`);
      await log(reader).getByText(String(first)).first().waitFor();
      await server.end(signal);
      await writer.getByText("Reconnecting…").waitFor();
      await say(writer, `number ${first + 1} into the void`);
      await writer.locator('[data-status="waiting"]').first().waitFor();
      await box(writer).fill("half a sentence");
      base = await server.start(listen);
      await log(reader)
        .getByText(String(first + 1))
        .first()
        .waitFor({ timeout: 60_000 });
      await writer.locator("[data-status]").waitFor({ state: "detached", timeout: 60_000 });
      equal(await box(writer).inputValue(), "half a sentence", "what was being typed");
      await say(writer, `number ${first + 2} after it`);
      await log(reader)
        .getByText(String(first + 2))
        .first()
        .waitFor();
      await writer.locator("[data-status]").waitFor({ state: "detached" });
      const expected = Array.from({ length: first + 3 - 7700 }, (_, at) => String(7700 + at)).join();
      for (const page of [writer, reader]) equal((await numbers(page)).join(), expected, "lines in order");
    });
  }

  await checks.step("whoever comes now reads the same", async () => {
    const late = await people.arrive("late");
    await late.goto(new URL("/r/bestie", base).href);
    await log(late).getByText("7706").first().waitFor();
    equal((await numbers(late)).join(), (await numbers(reader)).join(), "lines");
  });

  await checks.step("nobody was logged out", async () => {
    check(await writer.getByRole("button", { name: "Send", exact: true }).isVisible(), "the writer can't write");
  });
} catch (error) {
  if (!(error instanceof Stop)) {
    checks.failures.push("the journey itself");
    console.log(`FAIL the journey itself\n     ${error?.stack ?? error}`);
  }
} finally {
  await people.close();
  await server.dispose();
}
process.exitCode = checks.finish();
