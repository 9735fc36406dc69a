import type { ClientFrame } from "../protocol/__generated__/protocol";
import { decodeServerFrame } from "../protocol/decode";
import type { IncomingFrame, RoomFrame } from "../protocol/message";
import type { TokenSource } from "./api";
import { reconnectDelay } from "./backoff";
import { Signal } from "./signal";
import type { Cancel, Timers } from "./timers";

/** The part of a WebSocket this class uses. */
export interface Socket {
  send(data: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

/** One who reads a room over the connection and outlives every single socket. */
export interface RoomReader {
  readonly slug: string;
  /** How to (re)join: from where one stopped, if one was there before. */
  joinFrame(): ClientFrame;
  receive(frame: RoomFrame): void;
  /** From here on the server takes what this connection sends as the user's. */
  authed(): void;
  /** The socket is gone; whether what was sent arrived is unknown. */
  lost(): void;
}

export type ConnectionState =
  | { phase: "resting" }
  | { phase: "connecting"; lostAt: number | null }
  | { phase: "open" }
  | { phase: "waiting"; lostAt: number; retryAt: number; crowded: boolean };

/** No `hello` in this time counts as a failed attempt. */
const HELLO_WITHIN_MS = 10_000;
/** A server that stays silent this long after a ping is gone. */
const PONG_WITHIN_MS = 10_000;
/** A socket that lived this long was a good one: the next attempt starts counting anew. */
const STEADY_AFTER_MS = 10_000;

const SESSION_ENDED = 4001;
const CROWDED_CODES = [1008, 1013, 4009];

/** What came over the wire and was not acted on, and why. */
export interface Ignored {
  unknown: number;
  malformed: number;
}

/**
 * The one socket of the page. It opens, proves who one is, joins what is read, notices silence, and comes back after a
 * loss; it knows nothing of what the messages say.
 */
export class Connection {
  readonly state = new Signal<ConnectionState>({ phase: "resting" });
  readonly ignored: Ignored = { unknown: 0, malformed: 0 };

  private socket: Socket | null = null;
  private openedAt = 0;
  private lostAt: number | null = null;
  private attempt = 0;
  private greeted = false;
  private isAuthed = false;
  private heartbeatMs = 30_000;
  private cancelTimer: Cancel = () => {};
  private cancelWatch: Cancel = () => {};
  private readonly readers = new Map<string, RoomReader>();
  private readonly open: () => Socket;
  /** Tokens that were shown on this socket and not answered yet, in order, and the last one that was taken. */
  private shown: string[] = [];
  private proven: string | null = null;
  private readonly tokens: TokenSource;
  private readonly timers: Timers;

  constructor(deps: { open: () => Socket; tokens: TokenSource; timers: Timers }) {
    this.open = deps.open;
    this.tokens = deps.tokens;
    this.timers = deps.timers;
  }

  get authed(): boolean {
    return this.isAuthed;
  }

  /** Reads a room until the returned function is called; opens the socket for the first one. */
  read(reader: RoomReader): () => void {
    this.readers.set(reader.slug, reader);
    if (this.state.getSnapshot().phase === "resting") this.connect();
    else this.join(reader);
    return () => {
      if (this.readers.get(reader.slug) !== reader) return;
      this.readers.delete(reader.slug);
      this.write({ type: "leave", room: reader.slug });
    };
  }

  /** False when there is no socket to write to; the caller keeps what it wanted to say. */
  write(frame: ClientFrame): boolean {
    if (!this.socket || !this.greeted) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Joins anew, for a reader whose wishes changed. */
  rejoin(reader: RoomReader): void {
    if (this.readers.get(reader.slug) === reader) this.join(reader);
  }

  /** There is a new token: someone logged in, or the old one is about to end. */
  authenticate(token: string): void {
    if (this.write({ type: "auth", token })) this.shown.push(token);
  }

  /** A socket cannot become nobody's again, so logging out takes a new one. */
  restart(): void {
    if (this.state.getSnapshot().phase === "resting") return;
    this.drop();
    this.attempt = 0;
    this.connect();
  }

  /** Someone looks at the page, or the network is back: no reason to wait any longer. */
  retryNow(): void {
    if (this.state.getSnapshot().phase === "waiting") this.connect();
  }

  close(): void {
    this.drop();
    this.state.set({ phase: "resting" });
  }

  private connect(): void {
    this.cancelTimer();
    this.state.set({ phase: "connecting", lostAt: this.lostAt });
    const socket = this.open();
    this.socket = socket;
    this.openedAt = this.timers.now();
    this.cancelTimer = this.timers.after(HELLO_WITHIN_MS, () => this.fail(socket, 1006));
    socket.onmessage = (event) => {
      if (this.socket === socket && typeof event.data === "string") this.take(event.data);
    };
    socket.onclose = (event) => this.fail(socket, event.code);
  }

  private take(raw: string): void {
    const decoded = decodeServerFrame(raw);
    if (decoded.kind !== "frame") {
      this.ignored[decoded.kind] += 1;
      return;
    }
    this.expectMore();
    this.dispatch(decoded.frame);
  }

  private dispatch(frame: IncomingFrame): void {
    switch (frame.type) {
      case "hello":
        this.heartbeatMs = Math.max(5_000, frame.heartbeat_ms);
        this.greet();
        return;
      case "authed":
        this.isAuthed = true;
        this.proven = this.shown.shift() ?? this.proven;
        for (const reader of this.readers.values()) reader.authed();
        return;
      case "reconnect":
        this.comeBack(frame.after_ms);
        return;
      case "pong":
        return;
      case "ack":
        // An ack names no room; the reader that knows the nonce takes it.
        for (const reader of this.readers.values()) reader.receive(frame);
        return;
      case "error":
        if (frame.room !== undefined) this.readers.get(frame.room)?.receive(frame);
        else if (frame.nonce !== undefined) for (const reader of this.readers.values()) reader.receive(frame);
        else if (frame.code === "token_expired" || frame.code === "unauthorized")
          void this.prove(this.shown.shift() ?? this.proven ?? true);
        return;
      default:
        this.readers.get(frame.room)?.receive(frame);
    }
  }

  private greet(): void {
    this.cancelTimer();
    this.greeted = true;
    this.lostAt = null;
    this.state.set({ phase: "open" });
    for (const reader of this.readers.values()) this.join(reader);
    void this.prove();
  }

  private async prove(refused?: string | true): Promise<void> {
    const socket = this.socket;
    const token = await this.tokens(refused).catch(() => null);
    if (token && this.socket === socket) this.authenticate(token);
  }

  private join(reader: RoomReader): void {
    this.write(reader.joinFrame());
  }

  /** The node stops soon: move after the wait it names, and keep reading until then. */
  private comeBack(afterMs: number): void {
    const socket = this.socket;
    this.cancelTimer();
    this.cancelTimer = this.timers.after(afterMs, () => {
      if (this.socket !== socket) return;
      this.drop();
      this.lostAt = this.timers.now();
      this.connect();
    });
  }

  private expectMore(): void {
    const socket = this.socket;
    this.cancelWatch();
    if (!socket) return;
    this.cancelWatch = this.timers.after(this.heartbeatMs, () => {
      this.write({ type: "ping", id: "beat" });
      this.cancelWatch = this.timers.after(PONG_WITHIN_MS, () => this.fail(socket, 1006));
    });
  }

  private fail(socket: Socket, code: number): void {
    if (this.socket !== socket) return;
    const now = this.timers.now();
    const { proven } = this;
    if (this.greeted && now - this.openedAt > STEADY_AFTER_MS) this.attempt = 0;
    this.drop();
    this.lostAt ??= now;
    const wait = reconnectDelay(this.attempt, code, this.timers.random);
    this.attempt += 1;
    const crowded = CROWDED_CODES.includes(code);
    this.state.set({ phase: "waiting", lostAt: this.lostAt, retryAt: now + wait, crowded });
    this.cancelTimer = this.timers.after(wait, () => this.connect());
    // The session of that token ended; there may be a newer one, whose token is as good as it was.
    if (code === SESSION_ENDED) void this.tokens(proven ?? true).catch(() => null);
  }

  private drop(): void {
    this.cancelTimer();
    this.cancelWatch();
    const socket = this.socket;
    if (!socket) return;
    this.socket = null;
    this.greeted = false;
    this.isAuthed = false;
    this.shown = [];
    this.proven = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(1000);
    for (const reader of this.readers.values()) reader.lost();
  }
}
