/** A room that storms and a room in slow mode, played (`stage.mjs`): what the page says of them, and what it lets one do. */
import { axeFindings, People } from "./browser.mjs";
import { check, equal } from "./checks.mjs";
import { ME, messageOf, ROOM, Stage } from "./stage.mjs";

const log = (page) => page.getByRole("log");
const rows = (page) => log(page).locator("[data-key]");
const box = (page) => page.getByRole("textbox", { name: /^Message in/ });
const strip = (page) => page.getByRole("region", { name: "How much of the chat is shown" });

export async function feeds({ checks, base, shot }) {
  const people = new People();
  const address = new URL("/r/bestie", base).href;
  const clean = async (page, where) => {
    const findings = await axeFindings(page);
    check(findings.length === 0, `axe on ${where}:\n${findings.join("\n")}`);
  };
  try {
    await checks.step("a storm says how much of it is shown, and all of it is one press away", async () => {
      for (const colorScheme of ["dark", "light"]) {
        const stage = new Stage({ history: [messageOf("anna", "hello")] });
        const page = await people.arrive(`storm ${colorScheme}`, { colorScheme, reducedMotion: "reduce" });
        await page.clock.install();
        await stage.play(page);
        await page.goto(address);
        await log(page).getByText("hello").waitFor();
        check(!(await strip(page).isVisible()), "a calm room says nothing of it");
        for (let second = 0; second < 7; second++) {
          const lines = Array.from({ length: 12 }, (_, at) => messageOf(`bo${at}`, `line ${second} ${at}`));
          stage.say({ type: "messages", room: "bestie", messages: lines, skipped: 2_029 });
          stage.say({
            type: "room",
            room: "bestie",
            settings: ROOM.settings,
            viewers: 5_000,
            messages_per_second: 2_041,
          });
          await log(page).getByText(`line ${second} 11`).or(rows(page).last()).first().waitFor();
          await page.clock.runFor(1_000);
        }
        await strip(page).getByText("Showing 12 of 2,041/s").waitFor();
        await page.getByText("storm", { exact: true }).first().waitFor();
        await clean(page, `a storm, ${colorScheme}`);
        await shot(page, `storm-${colorScheme}`);
        await strip(page).getByRole("button", { name: "Show all" }).click();
        await strip(page).getByRole("button", { name: "Make it readable" }).waitFor();
        equal(stage.sent.filter((frame) => frame.type === "join").at(-1).feed, "full", "the feed asked for");
      }
    });

    await checks.step("slow mode counts down on the button, and one line goes out by itself", async () => {
      const room = { ...ROOM, settings: { ...ROOM.settings, slow_mode_seconds: 30 } };
      const stage = new Stage({ member: true, room });
      const page = await people.arrive("slow");
      await page.clock.install();
      await stage.play(page);
      await page.goto(address);
      await page.locator("form").getByText("Slow mode: one line every 30 s.").waitFor();
      await stage.frame("auth");
      await box(page).fill("first");
      await box(page).press("Enter");
      const { nonce } = await stage.frame("send");
      const said = messageOf(ME.username, "First, bestie!");
      stage.say({ type: "ack", nonce, id: said.id, seq: said.seq, sent_at: 1 });
      stage.messages(said);
      await page.getByRole("button", { name: /^Send when slow mode allows, in (30|29) s/ }).waitFor();
      await box(page).fill("second");
      await box(page).press("Enter");
      await page.getByRole("status").getByText("second").waitFor();
      await clean(page, "a line that waits");
      await shot(page, "slow-mode");
      equal(stage.sent.filter((frame) => frame.type === "send").length, 1, "lines sent before their time");
      await page.clock.runFor(31_000);
      await page.getByRole("button", { name: "Send", exact: true }).waitFor();
      equal(stage.sent.filter((frame) => frame.type === "send").at(-1).text, "second", "what went out");
    });

    await checks.step("no page complained of a feed", () =>
      check(people.complaints.length === 0, people.complaints.join("\n")),
    );
  } finally {
    await people.close();
  }
}
