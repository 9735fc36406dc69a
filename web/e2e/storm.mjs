/**
 * What the page costs while a crowd shouts:
 *
 *     node e2e/storm.mjs PATH_TO_TWITCHY [--rate 2000] [--seconds 30] [--dist DIR] [--shots DIR]
 *
 * Two rooms after another are stormed, one read as the page does by itself and one with "Show all".
 * `--dist` serves the page from a folder instead of from inside the binary. Measures, and fails above the limits below.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { People } from "./browser.mjs";
import { Checks, check, Stop } from "./checks.mjs";
import { Server } from "./server.mjs";

const FRAME_P95_MS = 50;
const ROWS_MAX = 250;
const ELEMENTS_MAX = 4_500;
/** How much the heap may grow between a full list and the end, garbage collected. */
const HEAP_GROWTH = 0.25;
/** Frames until everything that is bounded is full. */
const FRAMES_TO_FILL = 300;
const CROWD = 40;
const UNLIMITED = {
  TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND: "0",
  TWITCHY_LIMITS__REGISTRATIONS_PER_ADDRESS_PER_HOUR: "0",
  TWITCHY_LIMITS__REQUESTS_PER_ADDRESS_PER_SECOND: "0",
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: "string", default: "2000" },
    seconds: { type: "string", default: "30" },
    dist: { type: "string" },
    shots: { type: "string" },
  },
});
const [binary] = positionals;
if (!binary) {
  console.error("usage: node e2e/storm.mjs PATH_TO_TWITCHY [--rate N] [--seconds N] [--dist DIR] [--shots DIR]");
  process.exit(64);
}

const checks = new Checks();
const people = new People();
const server = new Server(binary, UNLIMITED);
const percentile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

async function serveFrom(page, base, folder) {
  await page.route(`${base}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname.startsWith("/api/") || pathname === "/ws") return route.continue();
    return route.fulfill({ path: join(folder, extname(pathname) === "" ? "index.html" : pathname) });
  });
}

try {
  const base = await server.start();
  await measured(base, "bestie", "auto");
  await measured(base, "ohio", "full");
} catch (error) {
  if (!(error instanceof Stop)) {
    checks.failures.push("the storm itself");
    console.log(`FAIL the storm itself\n     ${error?.stack ?? error}`);
  }
} finally {
  await people.close();
  await server.dispose();
}
process.exitCode = checks.finish();

/** A room is stormed while one watches it, and the page's costs are told and judged. */
async function measured(base, room, feed) {
  const page = await people.arrive(`watcher of ${room}`, { viewport: { width: 1440, height: 900 } });
  if (values.dist) await serveFrom(page, base, values.dist);
  await page.goto(new URL(`/r/${room}`, base).href);
  await page.getByRole("log").waitFor();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable");
  await cdp.send("HeapProfiler.enable");
  const metric = async () =>
    Object.fromEntries((await cdp.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  const heap = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    return (await metric()).JSHeapUsedSize;
  };
  await page.evaluate(() => {
    globalThis.storm = { frames: [], long: [], pinned: 0, looks: 0 };
    let last = performance.now();
    const frame = (now) => {
      storm.frames.push(now - last);
      last = now;
      const list = document.querySelector('[role="log"]');
      if (storm.frames.length % 30 === 0) {
        storm.looks += 1;
        if (list.scrollHeight - list.scrollTop - list.clientHeight < 2) storm.pinned += 1;
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new PerformanceObserver((entries) => storm.long.push(...entries.getEntries().map((e) => e.duration))).observe({
      type: "longtask",
    });
  });

  const seconds = Number(values.seconds);
  const script = fileURLToPath(new URL("crowd.mjs", import.meta.url));
  // Node 20 has it behind this word; later ones take the word and do nothing.
  const args = ["--experimental-websocket", script, base, room, String(CROWD), values.rate, values.seconds];
  const crowd = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: crowd.stdout });
  const told = [];
  lines.on("line", (line) => told.push(line));
  const over = once(crowd, "exit");
  await once(lines, "line");
  const strip = page.getByRole("region", { name: "How much of the chat is shown" });
  if (feed === "full") {
    await strip.getByRole("button", { name: "Show all" }).click();
    await strip.getByText(/^Showing all/).waitFor();
  }
  const start = await metric();
  const startedAt = performance.now();
  await page.evaluate(() => {
    storm.frames.length = 0;
    storm.long.length = 0;
  });
  // By then the list and all that is remembered beside it have been full for a while.
  await page.waitForFunction((frames) => storm.frames.length > frames, FRAMES_TO_FILL, { timeout: 60_000 });
  const full = await heap();
  const names = page.getByRole("textbox", { name: /^Message in/ });
  await names.fill("typing in a storm");
  if (values.shots) {
    mkdirSync(values.shots, { recursive: true });
    await strip.waitFor();
    await page.screenshot({ path: join(values.shots, `storm-${feed}.png`) });
  }
  await over;
  const took = (performance.now() - startedAt) / 1_000;
  const end = await metric();
  const seen = await page.evaluate(() => ({
    ...storm,
    rows: document.querySelectorAll('[role="log"] [data-key]').length,
    elements: document.querySelectorAll("*").length,
  }));
  const after = await heap();
  const frames = seen.frames.sort((a, b) => a - b);
  const crowdTold = JSON.parse(told.at(-1));
  const figures = {
    feed,
    accepted_per_second: Math.round(crowdTold.accepted / seconds),
    measured_seconds: +took.toFixed(1),
    load: +loadavg()[0].toFixed(1),
    frames: frames.length,
    frame_p50_ms: +percentile(frames, 0.5).toFixed(1),
    frame_p95_ms: +percentile(frames, 0.95).toFixed(1),
    frame_p99_ms: +percentile(frames, 0.99).toFixed(1),
    frame_max_ms: +(frames.at(-1) ?? 0).toFixed(1),
    busy_share: +((end.TaskDuration - start.TaskDuration) / took).toFixed(3),
    script_share: +((end.ScriptDuration - start.ScriptDuration) / took).toFixed(3),
    layout_share: +((end.LayoutDuration - start.LayoutDuration) / took).toFixed(3),
    long_tasks: seen.long.length,
    longest_task_ms: Math.round(Math.max(0, ...seen.long)),
    heap_full_mb: +(full / 1e6).toFixed(1),
    heap_end_mb: +(after / 1e6).toFixed(1),
    rows: seen.rows,
    elements: seen.elements,
    at_the_end: `${seen.pinned}/${seen.looks}`,
  };
  console.log(JSON.stringify(figures, null, 2));

  await checks.step(`${feed}: the crowd was as loud as asked`, () =>
    check(figures.accepted_per_second >= Number(values.rate) * 0.95, "too few lines were accepted"),
  );
  await checks.step(`${feed}: frames come in time`, () =>
    check(figures.frame_p95_ms < FRAME_P95_MS, "p95 is above the limit"),
  );
  await checks.step(`${feed}: the list stays short`, () =>
    check(figures.rows <= ROWS_MAX + 1 && figures.elements <= ELEMENTS_MAX, "too many rows or elements"),
  );
  await checks.step(`${feed}: memory is flat once the list is full`, () =>
    check(after < full * (1 + HEAP_GROWTH), "the heap grew"),
  );
  await checks.step(`${feed}: the page stayed at the newest`, () =>
    check(seen.pinned === seen.looks, "it lost its place"),
  );
  await page.context().close();
}
