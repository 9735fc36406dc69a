import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** Nothing is measured by it: a busy machine may take its time, and what never comes has to end. */
const STEP_TIMEOUT_MS = 45_000;
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A page served from a folder would count as one from elsewhere and not be let to a server on this machine.
  "--disable-features=LocalNetworkAccessChecks",
];
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * People in front of browsers of their own: each has a new profile, and whatever their pages complain about is kept.
 * `close` ends all of them and leaves nothing behind.
 */
export class People {
  complaints = [];
  #contexts = [];
  #folders = [];

  async arrive(name, options = {}) {
    const folder = mkdtempSync(join(tmpdir(), "twitchy-e2e-"));
    this.#folders.push(folder);
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: process.env.CHROMIUM ?? process.env.CHROME_PATH ?? "/usr/bin/chromium",
      headless: true,
      args: ARGS,
      viewport: { width: 1280, height: 800 },
      ...options,
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(STEP_TIMEOUT_MS);
    await context.addInitScript(() => {
      globalThis.violations = [];
      document.addEventListener("securitypolicyviolation", (event) =>
        globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`),
      );
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(`${name}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.complaints.push(`${name}: ${error.message}`));
    page.on("dialog", (dialog) => {
      this.complaints.push(`${name}: a dialog opened: ${dialog.message()}`);
      void dialog.dismiss();
    });
    return page;
  }

  async close() {
    await Promise.allSettled(this.#contexts.map((context) => context.close()));
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * What axe finds, minor things included. Runs in a world of its own, so the page's policy need not allow it.
 */
export async function axeFindings(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", {
    frameId: frameTree.frame.id,
    worldName: "axe",
  });
  await session.send("Runtime.evaluate", { expression: axeSource, contextId });
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
    expression: `axe.run(document, { resultTypes: ["violations"] }).then((r) => JSON.stringify(r.violations
      .map((v) => v.impact + ": " + v.id + " (" + v.nodes.length + "): " + v.nodes[0].target + " " + v.nodes[0].failureSummary)))`,
    contextId,
    awaitPromise: true,
  });
  await session.detach();
  if (exceptionDetails) throw new Error(`axe did not run: ${exceptionDetails.text}`);
  return JSON.parse(result.value);
}
