/** Emotes, with a played server (`stage.mjs`): in lines, in the box, in the picker, and the ones that are no good. */
import { axeFindings, People } from "./browser.mjs";
import { check, equal } from "./checks.mjs";
import { HOSTILE, unhurt } from "./hostile.mjs";
import { messageOf, Stage } from "./stage.mjs";

const log = (page) => page.getByRole("log");
const rows = (page) => log(page).locator("[data-key]");
const box = (page) => page.getByRole("textbox", { name: /^Message in/ });
const picker = (page) => page.getByRole("dialog", { name: "Emotes" });

const NAMES = ["Kappa", "KappaPride", "keKappa", "LUL", "PogU", "Party_Cat"];
const ALL = NAMES.map((name) => ({ id: `e${name}`, name, url: `/emotes/e${name}`, animated: name === "Party_Cat" }));
const PICTURE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="56" height="56"><circle cx="28" cy="28" r="26" fill="#FFC24D"/></svg>';

/** A line with the emotes of its words, as a server would tell them. */
function lineOf(username, text, part = {}) {
  let at = 0;
  const emotes = [];
  for (const word of text.split(" ")) {
    const length = [...word].length;
    const found = ALL.find(({ name }) => name === word);
    if (found) emotes.push({ id: found.id, name: word, start: at, end: at + length - 1 });
    at += length + 1;
  }
  return messageOf(username, text, { emotes, ...part });
}

export async function emotes({ checks, base, shot }) {
  const people = new People();
  const address = new URL("/r/bestie", base).href;
  const arrive = async (name, stage, options = {}) => {
    const page = await people.arrive(name, options);
    const picture = (route) =>
      route.request().url().endsWith("/emotes/gone")
        ? route.fulfill({ status: 404 })
        : route.fulfill({ status: 200, contentType: "image/svg+xml", body: PICTURE });
    await page.route("**/emotes/*", picture);
    await stage.play(page);
    await page.goto(address);
    return page;
  };
  const rest = (path) => (path === "/rooms/bestie/emotes" ? { emotes: ALL } : undefined);
  const clean = async (page, where) => {
    const findings = await axeFindings(page);
    check(findings.length === 0, `axe on ${where}:\n${findings.join("\n")}`);
  };

  try {
    await checks.step("emotes stand in lines by name, and one that moves stands still for who wants that", async () => {
      const history = [lineOf("anna", "🤪 hello Kappa and Party_Cat"), lineOf("bo", "LUL LUL")];
      for (const reducedMotion of ["no-preference", "reduce"]) {
        const stage = new Stage({ history, rest, member: true });
        const page = await arrive(`lines ${reducedMotion}`, stage, { reducedMotion });
        await rows(page).first().getByRole("img", { name: "Kappa" }).waitFor();
        equal(await rows(page).last().getByRole("img", { name: "LUL" }).count(), 2, "emotes in the second line");
        const cat = rows(page).first().getByRole("img", { name: "Party_Cat" });
        const wanted = reducedMotion === "reduce" ? "CANVAS" : "IMG";
        await page.waitForFunction(
          (tag) =>
            [...document.querySelectorAll('[role="log"] [title="Party_Cat"]')].every((one) => one.tagName === tag),
          wanted,
        );
        const place = await cat.boundingBox();
        equal(place.width, 28, "width");
        await clean(page, `lines with emotes, ${reducedMotion}`);
        await shot(page, `emotes-${reducedMotion}`);
      }
    });

    await checks.step("a picture that is gone is its name, and a line of a thousand is bounded", async () => {
      const stage = new Stage({ rest, member: true });
      const page = await arrive("gone", stage);
      await box(page).waitFor();
      stage.messages(
        messageOf("anna", "hi Gone_One", { emotes: [{ id: "gone", name: "Gone_One", start: 3, end: 10 }] }),
      );
      await rows(page).last().getByText("Gone_One", { exact: true }).waitFor();
      stage.messages(lineOf("bo", Array.from({ length: 330 }, () => "Kappa").join(" ")));
      await page.waitForFunction(() => document.querySelectorAll('[role="log"] [data-key]').length === 2);
      const shown = await rows(page).last().getByRole("img", { name: "Kappa" }).count();
      equal(shown, 64, "pictures in one line");
    });

    await checks.step("hostile emotes are text or nothing", async () => {
      const bad = HOSTILE.map((text) => ({ id: text, name: text, url: text, animated: true }));
      const hostileRest = (path) =>
        path === "/rooms/bestie/emotes" ? { emotes: [...ALL, ...bad, null, 7] } : undefined;
      const stage = new Stage({ rest: hostileRest, member: true });
      const page = await arrive("hostile emotes", stage);
      await box(page).waitFor();
      stage.messages(
        ...HOSTILE.map((text) =>
          messageOf("anna", `x ${text}`, { emotes: [{ id: text, name: text, start: 2, end: 3 }] }),
        ),
        messageOf("bo", "nonsense", {
          emotes: [
            { id: "e", name: "e", start: -1, end: 1e9 },
            { id: "e", name: "e", start: 5, end: 2 },
          ],
        }),
      );
      await log(page).getByText("nonsense").waitFor();
      await unhurt(page, "hostile emotes in lines");
      await page.getByRole("button", { name: "Emotes", exact: true }).click();
      await picker(page).getByRole("gridcell").first().waitFor();
      await unhurt(page, "hostile emotes in the picker");
    });

    await checks.step("they are completed by a colon and two letters", async () => {
      const stage = new Stage({ rest, member: true });
      const page = await arrive("completes", stage);
      await stage.frame("auth");
      await box(page).fill("so");
      await box(page).pressSequentially(" :ka");
      await page.getByRole("listbox", { name: "Emotes" }).waitFor();
      equal((await page.getByRole("option").allTextContents()).join(), "Kappa,KappaPride,keKappa", "choices");
      await box(page).press("Enter");
      equal(await box(page).inputValue(), "so Kappa ", "the box");
      await box(page).press("Enter");
      equal((await stage.frame("send")).text, "so Kappa", "what was sent");
    });

    await checks.step("the picker is walked by keys, searched, and remembers what one likes", async () => {
      for (const colorScheme of ["dark", "light"]) {
        const stage = new Stage({ rest, member: true, history: [lineOf("anna", "hello Kappa")] });
        const page = await arrive(`picker ${colorScheme}`, stage, { colorScheme, reducedMotion: "reduce" });
        await page.getByRole("button", { name: "Emotes", exact: true }).click();
        await picker(page).getByRole("grid", { name: "All" }).waitFor();
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("f");
        await picker(page).getByRole("grid", { name: "Liked" }).getByRole("button", { name: "KappaPride" }).waitFor();
        await clean(page, `the picker, ${colorScheme}`);
        await shot(page, `picker-${colorScheme}`);
        await picker(page).getByRole("searchbox").fill("lul");
        await page.keyboard.press("Enter");
        equal(await box(page).inputValue(), "LUL ", "the box");
        await picker(page).getByRole("searchbox").fill("nothing like it");
        await picker(page).getByText("No emote is called").waitFor();
        await page.keyboard.press("Escape");
        await picker(page).waitFor({ state: "detached" });
        check(await box(page).evaluate((element) => element === document.activeElement), "the box has the focus again");
        await stage.frame("auth");
        await box(page).press("Enter");
        await page.getByRole("button", { name: "Emotes", exact: true }).click();
        await picker(page).getByRole("grid", { name: "Lately used" }).getByRole("button", { name: "LUL" }).waitFor();
      }
    });

    await checks.step("emotes that can't be loaded are told, and asked for again", async () => {
      let fails = true;
      const stage = new Stage({
        member: true,
        rest: (path) => (path === "/rooms/bestie/emotes" ? !fails && { emotes: ALL } : undefined),
      });
      const page = await arrive("no emotes", stage);
      await page.getByRole("button", { name: "Emotes", exact: true }).click();
      await picker(page).getByText("The emotes could not be loaded.").waitFor();
      fails = false;
      await picker(page).getByRole("button", { name: "Try again" }).click();
      await picker(page).getByRole("button", { name: "PogU" }).waitFor();
    });

    await checks.step("no page complained of an emote", () => {
      const real = people.complaints.filter((line) => !/Failed to load resource/.test(line));
      check(real.length === 0, real.join("\n"));
    });
  } finally {
    await people.close();
  }
}
