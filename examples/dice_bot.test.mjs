// `TWITCHY=target/debug/twitchy node --test examples/dice_bot.test.mjs`: the example bot with a real server.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const TWITCHY = process.env.TWITCHY;
const BOT = fileURLToPath(new URL("./dice_bot.mjs", import.meta.url));
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FLAGS = typeof WebSocket === "undefined" ? ["--experimental-websocket"] : [];

/** A program and the lines that it prints. */
class Program {
  constructor(program, args, env = {}) {
    this.child = spawn(program, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
    this.ended = new Promise((resolve) => this.child.on("exit", (code) => resolve(code)));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async line(beginning) {
    for (;;) {
      const { value, done } = await this.lines.next();
      assert.ok(!done, `it ended before it said ${beginning}`);
      if (value.startsWith(beginning)) return value.slice(beginning.length);
    }
  }

  async stop() {
    this.child.kill("SIGTERM");
    return this.ended;
  }
}

async function call(address, path, { token, body } = {}) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const options = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const answer = await fetch(`${address}/api/v1${path}`, options);
  const json = await answer.json();
  assert.ok(answer.ok, JSON.stringify(json));
  return json;
}

/** All answers to a message, once there is one. */
async function answers(address, room, id) {
  for (;;) {
    const { messages } = await call(address, `/rooms/${room}/messages?limit=100`);
    const found = messages.filter((message) => message.reply_to?.id === id);
    if (found.length > 0) return found;
  }
}

test("it answers each command once, also over a restart of the server", { timeout: 120_000 }, async (t) => {
  assert.ok(TWITCHY, "TWITCHY names the built server");
  const data = mkdtempSync(join(tmpdir(), "dice-bot-"));
  t.after(() => rmSync(data, { recursive: true }));
  const made = spawnSync(TWITCHY, ["--data", data, "user", "create", "--bot", "dice_bot"], { cwd: ROOT });
  assert.equal(made.status, 0, made.stderr.toString());
  const token = made.stdout.toString().trim().split(" ").at(-1);

  // The test asks as fast as it can, which nobody else should.
  const asks = { TWITCHY_LIMITS__REQUESTS_PER_ADDRESS_PER_SECOND: "0" };
  const serve = (listen) => new Program(TWITCHY, ["serve", "--data", data, "--listen", listen], asks);
  let server = serve("127.0.0.1:0");
  t.after(() => server.stop());
  const address = await server.line("ready ");
  const url = `${address.replace("http", "ws")}/ws`;
  const bot = new Program(process.execPath, [...FLAGS, BOT, "bestie", "synergy"], { TWITCHY_URL: url, TWITCHY_BOT_TOKEN: token });
  t.after(() => bot.stop());
  await bot.line("joined bestie");
  await bot.line("joined synergy");

  const { access_token } = await call(address, "/auth/register", { body: { username: "ada_99", password: "correct horse battery" } });
  const say = (room, text) => call(address, `/rooms/${room}/messages`, { token: access_token, body: { text } });
  const asked = await say("bestie", "!dice");
  const [rolled, ...more] = await answers(address, "bestie", asked.id);
  assert.deepEqual(more, []);
  assert.match(rolled.text, /[1-6]/);
  assert.deepEqual(rolled.user.badges, ["bot"]);
  assert.ok(rolled.mentions.includes("ada_99"), rolled.text);
  const up = await say("synergy", "hello !uptime");
  assert.match((await answers(address, "synergy", up.id))[0].text, /\d/);

  // The server goes, and what is asked before the bot is back is answered when it is.
  assert.equal(await server.stop(), 0);
  server = serve(new URL(address).host);
  await server.line("ready ");
  const late = await say("bestie", "again !dice please");
  assert.equal((await answers(address, "bestie", late.id)).length, 1);
  assert.equal((await answers(address, "bestie", asked.id)).length, 1, "what it answered once it does not answer again");
  assert.equal(await bot.stop(), 0);
});

test("without a good token it says so and ends", { timeout: 120_000 }, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "dice-bot-"));
  t.after(() => rmSync(data, { recursive: true }));
  const server = new Program(TWITCHY, ["serve", "--data", data, "--listen", "127.0.0.1:0"]);
  t.after(() => server.stop());
  const url = `${(await server.line("ready ")).replace("http", "ws")}/ws`;
  const bot = new Program(process.execPath, [...FLAGS, BOT, "bestie"], { TWITCHY_URL: url, TWITCHY_BOT_TOKEN: "twitchy_bot_x" });
  assert.equal(await bot.ended, 1);
  const nobody = spawnSync(process.execPath, [...FLAGS, BOT], { env: {} });
  assert.equal(nobody.status, 64);
});
