import type { ErrorCode, NotRecovered } from "./__generated__/protocol";
import type { FrameOf, IncomingFrame } from "./message";
import { message, pinned, settings, user, you } from "./objects";
import { decimal, finite, flag, isRecord, listOf, record, type Shape, text, withDefault } from "./shape";

/** What a text frame turned out to be. Only `frame` is acted on; the others are counted. */
export type Decoded = { kind: "frame"; frame: IncomingFrame } | { kind: "unknown" } | { kind: "malformed" };

type Body<T extends IncomingFrame["type"]> = Omit<FrameOf<T>, "type">;

const code = text as Shape<ErrorCode>;
const optional = <T>(shape: Shape<T>): Shape<T | null> => withDefault<T | null>(shape, null);

/** Limits are read by name where they are used; a server that leaves some out still gets a working page. */
const limits = record<Body<"hello">["limits"]>({
  message_code_points_max: withDefault(finite, 500),
  frame_bytes_max: withDefault(finite, 16_384),
  history_max: withDefault(finite, 100),
  nonce_bytes_max: withDefault(finite, 64),
  rooms_per_connection: withDefault(finite, 1),
  sends_in_flight_max: withDefault(finite, 1),
  user_messages_per_second: withDefault(finite, 0),
});

const roomState = record<Omit<Body<"room">, keyof Words>>({
  room: text,
  settings: (value) => settings(value ?? {}),
  viewers: withDefault(finite, 0),
  messages_per_second: withDefault(finite, 0),
  pinned: withDefault<Body<"room">["pinned"]>(pinned, null),
});

const joined = record<Omit<Body<"joined">, keyof Words>>({
  room: text,
  epoch: text,
  seq: decimal,
  recovered: optional(flag),
  reason: optional(text as Shape<NotRecovered>),
  history: withDefault(listOf(message), []),
  viewers: withDefault(finite, 0),
  settings: (value) => settings(value ?? {}),
  pinned: withDefault<Body<"joined">["pinned"]>(pinned, null),
  you: (value) => you(value ?? {}),
});

/** What a room says of itself, as far as it is told. */
type Words = Pick<Body<"room">, "title" | "description" | "archived">;

/** A shape with what a room may say of itself beside it. */
function withWords<T extends object>(shape: Shape<T>): Shape<T & Words> {
  return (value) => {
    const base = shape(value);
    if (!base || !isRecord(value)) return undefined;
    const [title, description, archived] = [text(value.title), text(value.description), flag(value.archived)];
    return {
      ...base,
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      ...(archived !== undefined && { archived }),
    };
  };
}

const frames: { [T in IncomingFrame["type"]]: Shape<Body<T>> } = {
  hello: record<Body<"hello">>({
    server: withDefault(text, ""),
    heartbeat_ms: withDefault(finite, 30_000),
    limits: (value) => limits(value ?? {}),
  }),
  authed: record<Body<"authed">>({ user, expires_at: finite }),
  joined: withWords(joined),
  left: (value) => {
    const base = record({ room: text })(value);
    if (!base || !isRecord(value)) return undefined;
    return value.reason === "archived" ? { ...base, reason: value.reason } : base;
  },
  messages: record<Body<"messages">>({ room: text, messages: listOf(message), skipped: withDefault(finite, 0) }),
  ack: record<Body<"ack">>({ nonce: text, id: text, seq: decimal, sent_at: finite }),
  error: (value) => {
    const base = record({ code, detail: withDefault(text, "") })(value);
    if (!base || !isRecord(value)) return undefined;
    const [nonce, room, wait] = [text(value.nonce), text(value.room), finite(value.retry_after_ms)];
    return {
      ...base,
      ...(nonce !== undefined && { nonce }),
      ...(room !== undefined && { room }),
      ...(wait !== undefined && { retry_after_ms: wait }),
    };
  },
  gap: record<Body<"gap">>({ room: text, from: decimal, to: decimal }),
  deleted: record<Body<"deleted">>({ room: text, ids: listOf(text) }),
  cleared: (value) => {
    const base = record({ room: text })(value);
    if (!base || !isRecord(value)) return undefined;
    const username = text(value.username);
    // A name of the wrong type must not turn "one person's messages" into "everyone's".
    if (username === undefined && value.username !== undefined && value.username !== null) return undefined;
    return username === undefined ? base : { ...base, username };
  },
  room: withWords(roomState),
  banned: record<Body<"banned">>({ room: text, until: optional(finite), reason: optional(text) }),
  unbanned: record<Body<"unbanned">>({ room: text }),
  role: record<Body<"role">>({ room: text, you: (value) => you(value ?? {}) }),
  reconnect: record<Body<"reconnect">>({ after_ms: finite }),
  pong: record<Body<"pong">>({ id: text }),
};

/** Never throws: whatever a server sends, the page goes on. */
export function decodeServerFrame(raw: string): Decoded {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return { kind: "malformed" };
  }
  if (!isRecord(value) || typeof value.type !== "string") return { kind: "malformed" };
  if (!Object.hasOwn(frames, value.type)) return { kind: "unknown" };
  const type = value.type as IncomingFrame["type"];
  const body = (frames[type] as Shape<object>)(value);
  return body ? { kind: "frame", frame: { type, ...body } as IncomingFrame } : { kind: "malformed" };
}
