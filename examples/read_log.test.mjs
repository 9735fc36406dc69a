// `node --test examples/read_log.test.mjs`: the example decoder against the bytes that the Rust code writes.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { cutKcat, decodeRecord, RecordError } from "./read_log.mjs";

const golden = (name) => new URL(`../crates/chat/golden/${name}.hex`, import.meta.url);
const bytesOf = (name) => Buffer.from(readFileSync(golden(name), "utf8").replace(/\s/g, ""), "hex");
const FULL = bytesOf("record-v1-message-full");
const EMPTY = bytesOf("record-v1-message-empty");

/** What `crates/chat/src/record/tests.rs` writes as the full record. */
const FULL_RECORD = {
  version: 1,
  kind: "message",
  id: "0190b5d2-7c00-7abc-8def-0123456789ab",
  room: "300",
  author: {
    id: "18446744073709551615",
    username: "ada_l",
    display_name: "Ada_L",
    color: "#FF7F50",
    badges: ["broadcaster", "founder"],
  },
  text: "Hey bestie! ✨💅  Kappa @bob",
  original: "hi Kappa @bob",
  emotes: [{ id: "25", name: "Kappa", start: 16, end: 20 }],
  mentions: ["bob"],
  reply_to: {
    id: "0190b5d2-7bff-7000-8000-000000000001",
    username: "bob",
    display_name: "Bob",
    excerpt: "who is there?",
  },
  action: true,
  styled: true,
  sent_at: "1720000000000",
  nonce: "c1",
};

function run(options, input) {
  const program = fileURLToPath(new URL("./read_log.mjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...options], { input });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** As `kcat -f '%p %o %R%s'` writes it; without bytes, a record without a value. */
function kcat(partition, offset, bytes) {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes?.length ?? -1);
  return Buffer.concat([Buffer.from(`${partition} ${offset} `), length, bytes ?? Buffer.alloc(0)]);
}

test("every field of the full record is read", () => {
  assert.deepEqual(decodeRecord(FULL), FULL_RECORD);
});

test("the empty record is read", () => {
  const record = decodeRecord(EMPTY);
  assert.equal(record.id, "00000000-0000-0000-0000-000000000000");
  assert.deepEqual(record.author, { id: "0", username: "", display_name: "", color: "", badges: [] });
  assert.deepEqual([record.emotes, record.mentions, record.reply_to, record.nonce], [[], [], null, null]);
});

test("measures of moderators are read", () => {
  const head = { version: 1, room: "300", by: { id: "7", username: "mia" }, at: "1720000000000" };
  const ada = { id: "9", username: "ada_l" };
  const wanted = {
    delete: {
      kind: "delete",
      reason: null,
      message: FULL_RECORD.id,
      seq: "40",
      author: ada,
      excerpt: "Hey ✨",
    },
    "clear-all": { kind: "clear", reason: "raid", user: null },
    "clear-user": { kind: "clear", reason: null, user: ada },
    ban: { kind: "ban", reason: "spam", user: ada, seconds: null },
    timeout: { kind: "ban", reason: "spam", user: ada, seconds: 600 },
    unban: { kind: "unban", reason: null, user: ada },
    role: { kind: "role", reason: null, user: ada, role: "moderator" },
    settings: { kind: "settings", reason: null, slow_mode_seconds: 30, emote_only: null, unique_chat: true },
    unpin: { kind: "unpin", reason: null },
    "block-phrase": { kind: "block_phrase", reason: null, phrase: "b[a4]d", pattern: true },
    "allow-phrase": { kind: "allow_phrase", reason: null, blocked_by: "44", phrase: "b[a4]d" },
    retitle: { kind: "retitle", reason: null, title: "Late ✨", description: null },
  };
  for (const [name, own] of Object.entries(wanted)) {
    assert.deepEqual(decodeRecord(bytesOf(`record-v1-measure-${name}`)), { ...head, ...own }, name);
  }
  const { version: _version, kind: _kind, ...message } = FULL_RECORD;
  const pin = decodeRecord(bytesOf("record-v1-measure-pin"));
  assert.deepEqual(pin, { ...head, kind: "pin", reason: null, seq: "40", message });
});

test("the page that describes the record shows these bytes", () => {
  const page = readFileSync(new URL("../docs/log-record.md", import.meta.url), "utf8");
  const listings = [...page.matchAll(/^```text\n(01 [^]*?)^```$/gm)].map(([, listing]) => {
    // The bytes of a line end where two spaces begin the words about them.
    const digits = listing.split("\n").map((line) => line.trim().split("  ")[0].replaceAll(" ", ""));
    return digits.join("");
  });
  assert.deepEqual(listings, [FULL.toString("hex"), EMPTY.toString("hex")]);
});

test("a record cut anywhere, or with a byte left over, is malformed", () => {
  for (let length = 0; length < FULL.length; length += 1) {
    assert.throws(() => decodeRecord(FULL.subarray(0, length)), RecordError, `${length} bytes`);
  }
  assert.throws(() => decodeRecord(Buffer.concat([FULL, Buffer.of(0)])), /left over/);
});

test("other versions and kinds are told by their number", () => {
  assert.throws(() => decodeRecord(Buffer.of(2, 1, 0)), /of version 2/);
  assert.throws(() => decodeRecord(Buffer.of(1, 13, 0)), /of kind 13/);
});

test("no changed byte does anything but give a record or a RecordError", () => {
  for (let at = 0; at < FULL.length; at += 1) {
    for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
      const changed = Buffer.from(FULL);
      changed[at] = value;
      try {
        decodeRecord(changed);
      } catch (error) {
        assert.ok(error instanceof RecordError, `byte ${at} as ${value}: ${error}`);
      }
    }
  }
});

test("a list or number that is too long is refused", () => {
  const room = 2 + 16;
  const tooLong = Buffer.concat([FULL.subarray(0, room), Buffer.alloc(9, 0xff), Buffer.of(0x02)]);
  assert.throws(() => decodeRecord(tooLong), /more than 64 bits/);
  assert.throws(() => decodeRecord(Buffer.alloc(64 * 1024 + 1, 1)), /longer than 65536/);
});

test("kcat's output is cut however it comes", async () => {
  const barrier = kcat(0, 42);
  const whole = Buffer.concat([kcat(0, 41, FULL), barrier, kcat(15, 0, Buffer.alloc(0)), kcat(3, 7, EMPTY)]);
  for (const size of [1, 7, 64, whole.length]) {
    const chunks = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
    const found = [];
    for await (const { partition, offset, bytes } of cutKcat(chunks)) found.push([partition, offset, bytes.length]);
    assert.deepEqual(found, [
      [0, 41n, FULL.length],
      [15, 0n, 0],
      [3, 7n, EMPTY.length],
    ]);
  }
  await assert.rejects(async () => {
    for await (const _ of cutKcat([whole.subarray(0, -1)]));
  }, /in the middle of a record/);
});

test("the program prints a golden file as JSON", () => {
  const { status, stdout } = run([], readFileSync(golden("record-v1-message-full")));
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), FULL_RECORD);
});

test("the program sets aside what it cannot read, and goes on", () => {
  const { status, stdout, stderr } = run(["--kcat"], Buffer.concat([kcat(2, 8, Buffer.of(7)), kcat(2, 9, FULL)]));
  assert.equal(status, 1);
  assert.deepEqual(JSON.parse(stdout), { partition: 2, seq: "10", ...FULL_RECORD });
  assert.deepEqual(JSON.parse(stderr), { partition: 2, seq: "9", set_aside: "of version 7, this program reads 1" });
});

test("the program refuses what is no input of its", () => {
  for (const [options, input] of [
    [[], "no digits"],
    [["--kcat"], "some text that is longer than any head of a record can be, by far"],
    [["--fast"], ""],
  ]) {
    assert.equal(run(options, input).status, 2);
  }
});
