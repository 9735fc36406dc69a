#!/usr/bin/env node
// Reads the records of Twitchy's log, as they lie on the Kafka topic, and prints each as one line of JSON.
//
//   node examples/read_log.mjs < crates/chat/golden/record-v1-message-full.hex
//   kcat -C -b localhost:9092 -t twitchy -o beginning -f '%p %o %R%s' | node examples/read_log.mjs --kcat
//
// It shows all that another consumer needs, and uses nothing but Node. What the bytes mean: docs/log-record.md.
// Start reading at `decodeRecord`.

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

const VERSION = 1;
/** What each kind is called, and how its body is read. A kind of yours to come is another line. */
const KINDS = new Map([
  [1, ["message", message]],
  [2, ["delete", measure((body) => ({ message: body.uuid(), seq: body.u64(), author: person(body), excerpt: body.text() }))]],
  [3, ["clear", measure((body) => ({ user: body.option(() => person(body)) }))]],
  [4, ["ban", measure((body) => ({ user: person(body), seconds: body.option(() => body.u32()) }))]],
  [5, ["unban", measure((body) => ({ user: person(body) }))]],
  [6, ["role", measure((body) => ({ user: person(body), role: body.text() }))]],
  [7, ["settings", measure(settings)]],
  [8, ["pin", measure((body) => ({ seq: body.u64(), message: message(body) }))]],
  [9, ["unpin", measure(() => ({}))]],
  [10, ["block_phrase", measure((body) => ({ phrase: body.text(), pattern: body.bool() }))]],
  [11, ["allow_phrase", measure((body) => ({ blocked_by: body.u64(), phrase: body.text() }))]],
  [12, ["retitle", measure((body) => ({ title: body.option(() => body.text()), description: body.option(() => body.text()) }))]],
]);
/** Longest record that there is, in bytes. */
const RECORD_BYTES_MAX = 64 * 1024;
/** Longest head that kcat writes in front of a record: two decimal numbers, two spaces, four bytes. */
const KCAT_HEAD_BYTES_MAX = 40;

/** Why bytes are not a record that this program can read. Set it aside, count it, and go on. */
export class RecordError extends Error {}

/**
 * Reads one record. 64-bit numbers come as strings, because a JSON number does not hold them.
 *
 * @param {Uint8Array} bytes the whole value of one Kafka record
 * @returns {object} `{ version, kind, … }`
 * @throws {RecordError}
 */
export function decodeRecord(bytes) {
  if (bytes.length > RECORD_BYTES_MAX) throw new RecordError(`longer than ${RECORD_BYTES_MAX} bytes`);
  const body = new Body(bytes);
  const version = body.byte();
  if (version !== VERSION) throw new RecordError(`of version ${version}, this program reads ${VERSION}`);
  const kind = body.byte();
  if (!KINDS.has(kind)) throw new RecordError(`of kind ${kind}, which this program does not know`);
  const [name, read] = KINDS.get(kind);
  const record = { version, kind: name, ...read(body) };
  if (!body.atEnd()) throw new RecordError("malformed: bytes left over");
  return record;
}

/** Fields in the order in which they lie there: each is read when its line is reached. */
function message(body) {
  return {
    id: body.uuid(),
    room: body.u64(),
    author: {
      id: body.u64(),
      username: body.text(),
      display_name: body.text(),
      color: body.text(),
      badges: body.list(() => body.text()),
    },
    text: body.text(),
    original: body.text(),
    emotes: body.list(() => ({ id: body.text(), name: body.text(), start: body.u32(), end: body.u32() })),
    mentions: body.list(() => body.text()),
    reply_to: body.option(() => ({
      id: body.uuid(),
      username: body.text(),
      display_name: body.text(),
      excerpt: body.text(),
    })),
    action: body.bool(),
    styled: body.bool(),
    sent_at: body.u64(),
    nonce: body.option(() => body.text()),
  };
}

/** What a moderator did: what all measures begin with, and then what this kind has of its own. */
function measure(own) {
  return (body) => ({
    room: body.u64(),
    by: person(body),
    at: body.u64(),
    reason: body.option(() => body.text()),
    ...own(body),
  });
}

function person(body) {
  return { id: body.u64(), username: body.text() };
}

/** Those that are null did not change. */
function settings(body) {
  return {
    slow_mode_seconds: body.option(() => body.u32()),
    emote_only: body.option(() => body.bool()),
    unique_chat: body.option(() => body.bool()),
  };
}

/** The primitives of postcard, read one after the other. */
class Body {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  atEnd() {
    return this.#at === this.#bytes.length;
  }

  byte() {
    return this.#take(1)[0];
  }

  bool() {
    const byte = this.byte();
    if (byte > 1) throw new RecordError(`malformed: ${byte} is neither false nor true`);
    return byte === 1;
  }

  u32() {
    return Number(this.#varint(32));
  }

  u64() {
    return this.#varint(64).toString();
  }

  uuid() {
    const hex = Buffer.from(this.#take(16)).toString("hex");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  text() {
    const bytes = this.#take(this.#length());
    try {
      // Without `ignoreBOM` a text that begins with U+FEFF would lose it.
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new RecordError("malformed: a text is not UTF-8");
    }
  }

  option(read) {
    return this.bool() ? read() : null;
  }

  list(read) {
    const length = this.#length();
    // Each item takes a byte at least, so a length that lies is found out before anything is made.
    if (length > this.#bytes.length - this.#at) throw new RecordError("malformed: cut off");
    return Array.from({ length }, read);
  }

  #length() {
    const length = this.#varint(64);
    if (length > BigInt(RECORD_BYTES_MAX)) throw new RecordError("malformed: cut off");
    return Number(length);
  }

  /** Seven bits a byte, the lowest first; the eighth says that there are more. */
  #varint(bits) {
    let value = 0n;
    for (let shift = 0n; shift < bits; shift += 7n) {
      const byte = BigInt(this.byte());
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) {
        if (value >= 1n << BigInt(bits)) break;
        return value;
      }
    }
    throw new RecordError(`malformed: a number has more than ${bits} bits`);
  }

  #take(length) {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RecordError("malformed: cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/**
 * Cuts what `kcat -f '%p %o %R%s'` writes into records, however it comes in pieces.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @returns {AsyncGenerator<{ partition: number, offset: bigint, bytes: Uint8Array }>}
 */
export async function* cutKcat(chunks) {
  let waiting = Buffer.alloc(0);
  for await (const chunk of chunks) {
    waiting = waiting.length === 0 ? Buffer.from(chunk) : Buffer.concat([waiting, chunk]);
    for (;;) {
      const head = waiting.subarray(0, KCAT_HEAD_BYTES_MAX).toString("latin1").match(/^(\d+) (\d+) ([^]{4})/);
      if (head === null) {
        if (waiting.length >= KCAT_HEAD_BYTES_MAX) throw new Error("this is not what kcat -f '%p %o %R%s' writes");
        break;
      }
      const start = head[0].length;
      const length = waiting.readInt32BE(start - 4);
      const end = start + Math.max(0, length);
      if (waiting.length < end) break;
      // The length -1 says that there is no value: a barrier, which is nothing to readers.
      if (length >= 0) {
        yield { partition: Number(head[1]), offset: BigInt(head[2]), bytes: waiting.subarray(start, end) };
      }
      waiting = waiting.subarray(end);
    }
  }
  if (waiting.length > 0) throw new Error("the input ends in the middle of a record");
}

/** One record as hexadecimal digits, in as many lines as one likes. */
async function* readHex(chunks) {
  const pieces = [];
  for await (const chunk of chunks) pieces.push(chunk);
  const digits = Buffer.concat(pieces).toString("latin1").replace(/\s/g, "");
  if (!/^([0-9a-fA-F]{2})+$/.test(digits)) throw new Error("expected one record as hexadecimal digits on standard input");
  yield { bytes: Buffer.from(digits, "hex") };
}

async function main(options) {
  const known = options.length === 0 || (options.length === 1 && options[0] === "--kcat");
  if (!known) throw new Error("usage: read_log.mjs [--kcat] < INPUT");
  const records = options.length === 0 ? readHex(process.stdin) : cutKcat(process.stdin);
  let setAside = 0;
  for await (const { partition, offset, bytes } of records) {
    // A message's seq is its offset plus one: Kafka counts from 0, Twitchy from 1.
    const place = offset === undefined ? {} : { partition, seq: (offset + 1n).toString() };
    try {
      const line = JSON.stringify({ ...place, ...decodeRecord(bytes) });
      // Waits while the reader of our output is slower than we are.
      if (!process.stdout.write(`${line}\n`)) await new Promise((resolve) => process.stdout.once("drain", resolve));
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      setAside += 1;
      console.error(JSON.stringify({ ...place, set_aside: error.message }));
    }
  }
  return setAside === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`read_log: ${error.message}`);
    process.exitCode = 2;
  }
}
