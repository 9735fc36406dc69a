import type { ClientFrame } from "../protocol/__generated__/protocol";
import type { ChatMessage, FrameOf, RoomFrame } from "../protocol/message";
import { seqAfter, seqBefore } from "../protocol/seq";
import type { Api } from "./api";
import { CommitClock, type Screen } from "./commit-clock";
import type { Connection, RoomReader } from "./connection";
import { readGap } from "./gap-pages";
import { MessageWindow } from "./message-window";
import type { Muted } from "./muted";
import { newNonce } from "./nonce";
import { Outbox } from "./outbox";
import { type Person, Recall, type Thread } from "./recall";
import { type Ban, EMPTY_LOG, EMPTY_VITALS, type LogSnapshot, type Refusal, type RoomVitals } from "./room-state";
import type { Session } from "./session";
import { Signal } from "./signal";
import { firstAfter, placeBefore, timeOfId } from "./time-search";
import type { Cancel, Timers } from "./timers";
import { Barometer } from "./weather";

/** A screenful; the room's beginning is fetched as one scrolls. */
const HISTORY_ON_JOIN = 30;
const OLDER_PAGE = 50;
/** A gap is filled with at most this many pages at once; what is left stays a row. */
const GAP_PAGES = 5;
/** What is shown around a time that was jumped to: some context before it, and what followed. */
const JUMP_BEFORE = 20;
const JUMP_AFTER = 60;
/** No answer to a line in this time: it is shown as unanswered and can be sent again. */
const ANSWER_WITHIN_MS = 10_000;
/** An accepted line whose message did not come (a sampled feed may leave it out) is fetched. */
const APPEAR_WITHIN_MS = 2_000;
/** No answer to a join in this time: it is told, and asked again. */
const JOIN_WITHIN_MS = 10_000;
const PULSE_SAMPLES = 60;
const CALLS_KEPT = 50;

/**
 * One room as one person reads it: joins, keeps the log's window and one's own lines, and publishes what components
 * show. It outlives sockets: after a loss it joins again from where it stopped.
 */
export class RoomSession implements RoomReader {
  readonly slug: string;
  get newestSeq(): string | null {
    return this.window.newestSeq;
  }
  readonly log = new Signal<LogSnapshot>(EMPTY_LOG);
  readonly vitals = new Signal<RoomVitals>(EMPTY_VITALS);
  /** Messages a second over the last minute, one sample a second, oldest first. */
  readonly pulse = new Signal<readonly number[]>([]);
  readonly refusal = new Signal<Refusal | null>(null);
  readonly ban = new Signal<Ban | null>(null);
  /** How many messages the last reconnect brought; null once that was told. */
  readonly caughtUp = new Signal<number | null>(null);
  /** The message to bring into sight, once it is on the page. */
  readonly target = new Signal<string | null>(null);
  /** What the last frame brought that was new, for those who listen rather than look. */
  readonly heard = new Signal<readonly ChatMessage[]>([]);
  /** Live messages that mention the reader or answer them, newest last. */
  readonly calls = new Signal<readonly ChatMessage[]>([]);

  private readonly window: MessageWindow;
  private readonly outbox = new Outbox();
  private readonly recall = new Recall();
  private readonly clock: CommitClock;
  private readonly barometer = new Barometer();
  private phase: LogSnapshot["phase"] = "joining";
  private older: LogSnapshot["older"] = "idle";
  private jump: LogSnapshot["jump"] = "idle";
  /** Counts jumps, so that the answer to an overtaken one is not shown. */
  private jumps = 0;
  private startSeq: string | null = null;
  private epoch: string | null = null;
  private feed: RoomVitals["feed"] = "auto";
  private shownSincePulse = 0;
  private joinedBefore = false;
  private cancelJoinWatch: Cancel = () => {};
  private stops: Cancel[] = [];
  private readonly api: Api;
  private readonly connection: Connection;
  private readonly session: Session;
  private readonly muted: Muted;
  private readonly timers: Timers;

  constructor(
    slug: string,
    deps: { api: Api; connection: Connection; session: Session; muted: Muted; timers: Timers; screen: Screen },
  ) {
    this.slug = slug;
    this.api = deps.api;
    this.connection = deps.connection;
    this.session = deps.session;
    this.muted = deps.muted;
    this.timers = deps.timers;
    const outbox = this.outbox;
    const session = this.session;
    this.window = new MessageWindow({
      get username() {
        return session.user?.username ?? null;
      },
      muted: (username) => deps.muted.has(username),
      ownLine: (id) => outbox.ownLine(id),
    });
    this.clock = new CommitClock({ commit: () => this.commit(), screen: deps.screen, timers: deps.timers });
  }

  start(): void {
    if (this.stops.length > 0) return;
    this.stops = [
      this.connection.read(this),
      this.session.state.subscribe(() => this.viewerChanged()),
      this.muted.names.subscribe(() => this.mutedChanged()),
    ];
    this.beat();
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.stops = [];
    this.clock.stop();
    this.cancelJoinWatch();
    this.outbox.unsent();
  }

  /** The page became visible. */
  shown(): void {
    this.clock.shown();
  }

  // --- what the reader does ---

  pause(): void {
    if (!this.window.following) return;
    this.window.pause();
    this.publish();
  }

  follow(): void {
    if (this.window.ahead) {
      void this.land();
      return;
    }
    this.jumps += 1;
    this.jump = "idle";
    this.window.follow();
    this.publish();
  }

  /** The reader scrolled to the end of what is on the page. */
  readOn(): void {
    if (this.window.following) return;
    const { ahead } = this.window;
    if (ahead) {
      if (!ahead.loading) void this.fillGap(ahead.key, 1);
      return;
    }
    if (this.window.readOn()) this.window.follow();
    this.publish();
  }

  /** Shows what was said at a time; gives the first message from then on, or null if there is none. */
  async jumpTo(time: number): Promise<ChatMessage | null> {
    const mine = ++this.jumps;
    this.setJump("searching");
    try {
      const place = await placeBefore(firstAfter(this.api, this.slug), time, this.window.newestSeq ?? "0");
      const [before, from] = await Promise.all([
        this.api.messages(this.slug, { before: seqAfter(place), limit: JUMP_BEFORE }),
        this.api.messages(this.slug, { after: place, limit: JUMP_AFTER }),
      ]);
      if (mine !== this.jumps) return null;
      const messages = [...before.messages, ...from.messages];
      this.recall.takeOlder(messages);
      this.window.jump(messages);
      this.older = before.next_before === null ? "start" : "idle";
      if (this.older === "start") this.startSeq = this.window.oldestSeq;
      this.setJump("idle");
      const found = from.messages.find((message) => message.sent_at >= time) ?? messages.at(-1) ?? null;
      this.target.set(found?.id ?? null);
      return found;
    } catch {
      if (mine === this.jumps) this.setJump("failed");
      return null;
    }
  }

  /** Brings a message into sight, also one that is no longer on the page: its id tells when it was said. */
  async reveal(id: string): Promise<void> {
    const there = () => this.window.rows.some((row) => row.kind === "message" && row.message.id === id);
    if (!there()) {
      const time = timeOfId(id);
      if (time !== null) await this.jumpTo(time);
      if (!there()) return;
    }
    this.pause();
    this.target.set(id);
  }

  /** From where one jumped to back to the newest. */
  private async land(): Promise<void> {
    const mine = ++this.jumps;
    this.setJump("searching");
    try {
      const newest = this.window.newestSeq;
      const page = await this.api.messages(this.slug, {
        limit: OLDER_PAGE,
        ...(newest !== null && { before: seqAfter(newest) }),
      });
      if (mine !== this.jumps) return;
      this.window.land(page.messages);
      this.older = "idle";
      this.setJump("idle");
    } catch {
      if (mine === this.jumps) this.setJump("failed");
    }
  }

  async loadOlder(): Promise<void> {
    const before = this.window.oldestSeq;
    if (this.phase !== "live" || before === null || this.older === "loading" || this.older === "start") return;
    this.setOlder("loading");
    try {
      const page = await this.api.messages(this.slug, { before, limit: OLDER_PAGE });
      // Cleared or trimmed meanwhile: this page no longer joins up with what is shown.
      if (this.window.oldestSeq !== before) {
        this.setOlder("idle");
        return;
      }
      this.recall.takeOlder(page.messages);
      this.window.prepend(page.messages);
      if (page.next_before === null) this.startSeq = this.window.oldestSeq;
      this.setOlder(page.next_before === null ? "start" : "idle");
    } catch {
      this.setOlder("failed");
    }
  }

  retryOlder(): Promise<void> {
    this.setOlder("idle");
    return this.loadOlder();
  }

  async fillGap(key: string, pages = GAP_PAGES): Promise<void> {
    const gap = this.window.gapLoading(key, true);
    if (!gap) return;
    this.publish();
    try {
      const { found, complete } = await readGap(this.api, this.slug, gap, pages);
      this.recall.takeOlder(found);
      this.window.fill(key, found, complete);
    } catch {
      this.window.gapLoading(key, false);
    }
    this.publish();
  }

  setFeed(feed: RoomVitals["feed"]): void {
    this.feed = feed;
    this.vitals.update((vitals) => ({ ...vitals, feed }));
    this.connection.rejoin(this);
  }

  /** Says something; false when too many lines are still on the way. */
  send(text: string, replyTo: string | null): boolean {
    const line = this.outbox.add(newNonce(), text, replyTo);
    if (!line) return false;
    const answered = replyTo === null ? null : this.recall.get(replyTo);
    if (answered) this.recall.talkedWith(answered.user.username);
    this.refusal.set(null);
    this.transmit(line.nonce);
    this.follow();
    return true;
  }

  retry(nonce: string): void {
    this.refusal.set(null);
    this.outbox.mark(nonce, { status: "waiting", code: null });
    this.transmit(nonce);
    this.publish();
  }

  /** Gives a failed line up; its text goes back to whoever wants to change it. */
  discard(nonce: string): string | null {
    const text = this.outbox.get(nonce)?.text ?? null;
    this.outbox.drop(nonce);
    this.publish();
    return text;
  }

  /** People to complete a name with. */
  find(part: string, limit: number): Person[] {
    return this.recall.named(part, limit, this.session.user?.username ?? null);
  }

  person(username: string): Person | null {
    return this.recall.person(username);
  }

  /** What someone said here lately, as far as this tab knows. */
  linesOf(username: string): ChatMessage[] {
    return this.recall.linesOf(username);
  }

  thread(id: string): Thread | null {
    return this.recall.thread(id);
  }

  clearRefusal(): void {
    this.refusal.set(null);
  }

  toldCaughtUp(): void {
    this.caughtUp.set(null);
  }

  /** After a reload the server still knows what its author typed. */
  async revealOriginal(message: ChatMessage): Promise<void> {
    if (this.outbox.ownLine(message.id)) return;
    const text = await this.api.original(this.slug, message.id).catch(() => null);
    if (text === null) return;
    this.outbox.learn(message.id, text);
    this.window.refresh();
    this.publish();
  }

  // --- what the connection does ---

  joinFrame(): ClientFrame {
    this.cancelJoinWatch();
    this.cancelJoinWatch = this.timers.after(JOIN_WITHIN_MS, () => this.joinUnanswered());
    const after = this.window.newestSeq;
    const resume = this.joinedBefore && after !== null && this.epoch !== null;
    return {
      type: "join",
      room: this.slug,
      history: HISTORY_ON_JOIN,
      feed: this.feed,
      ...(resume && { after, epoch: this.epoch }),
    };
  }

  receive(frame: RoomFrame): void {
    switch (frame.type) {
      case "joined":
        this.joined(frame);
        return;
      case "messages":
        this.arrived(frame.messages);
        return;
      case "gap":
        this.window.takeGap(frame.from, frame.to);
        this.clock.request();
        return;
      case "deleted": {
        const ids = new Set(frame.ids);
        this.remove((message) => ids.has(message.id));
        return;
      }
      case "cleared": {
        const name = frame.username;
        if (name === undefined) this.cleared();
        else this.remove((message) => message.user.username === name);
        return;
      }
      case "room":
        this.tellVitals(frame);
        return;
      case "ack":
        this.accepted(frame);
        return;
      case "error":
        this.refused(frame);
        return;
      case "banned":
        this.ban.set({ until: frame.until, reason: frame.reason });
        return;
      case "unbanned":
        this.ban.set(null);
        return;
      // What one is here is not shown yet.
      case "role":
      case "left":
        return;
    }
  }

  authed(): void {
    for (const line of this.outbox.lines) if (line.status === "waiting") this.transmit(line.nonce);
    this.publish();
  }

  lost(): void {
    this.cancelJoinWatch();
    this.outbox.unsent();
    this.publish();
  }

  /** Asks once more on this socket; a person can have a new one. */
  private joinUnanswered(): void {
    if (this.phase === "joining") {
      this.phase = "slow";
      this.publish();
    }
    this.connection.rejoin(this);
  }

  /** The reader does not want to wait for the server to answer on this socket. */
  reconnect(): void {
    this.phase = this.joinedBefore ? this.phase : "joining";
    this.publish();
    this.connection.restart();
  }

  private joined(frame: FrameOf<"joined">): void {
    this.cancelJoinWatch();
    const before = this.window.newestSeq;
    const first = frame.history[0];
    if (frame.recovered === false && frame.reason === "too_old" && before !== null) {
      if (first) this.window.takeGap(before, seqBefore(first.seq));
    } else if (
      frame.recovered === false ||
      (frame.recovered === null && this.joinedBefore && this.epoch !== frame.epoch)
    ) {
      this.window.reset("The room's log was started anew. What was here before is gone.");
      this.older = "idle";
    }
    const fresh = this.window.take(frame.history);
    this.recall.take(fresh);
    if (frame.recovered === null && !this.joinedBefore && frame.history.length < HISTORY_ON_JOIN) {
      this.older = "start";
      this.startSeq = first?.seq ?? null;
    }
    if (this.joinedBefore) this.caughtUp.set(fresh.length);
    for (const message of fresh) this.outbox.match(message);
    this.epoch = frame.epoch;
    this.joinedBefore = true;
    this.phase = "live";
    this.vitals.update((vitals) => ({ ...vitals, role: frame.you.role }));
    this.tellVitals({ ...frame, messages_per_second: this.vitals.getSnapshot().messagesPerSecond });
    this.commit();
  }

  private arrived(messages: readonly ChatMessage[]): void {
    const fresh = this.window.take(messages);
    this.recall.take(fresh);
    this.shownSincePulse += fresh.length;
    const me = this.session.user?.username;
    if (me !== undefined) for (const message of fresh) this.noticeMine(message, me);
    this.heard.set(fresh.filter((message) => message.user.username !== me && !this.muted.has(message.user.username)));
    this.clock.arrived(fresh.length);
  }

  private noticeMine(message: ChatMessage, me: string): void {
    if (message.user.username === me) this.outbox.match(message);
    else if (message.mentions.includes(me) || message.reply_to?.username === me) {
      if (this.muted.has(message.user.username)) return;
      this.recall.talkedWith(message.user.username);
      this.calls.update((calls) => [...calls, message].slice(-CALLS_KEPT));
    }
  }

  private accepted(ack: FrameOf<"ack">): void {
    if (!this.outbox.accept(ack.nonce, ack.id, ack.seq)) return;
    const newest = this.window.newestSeq;
    if (newest !== null && BigInt(ack.seq) <= BigInt(newest)) {
      this.outbox.drop(ack.nonce);
      this.window.refresh();
    } else {
      this.timers.after(APPEAR_WITHIN_MS, () => void this.fetchOwn(ack));
    }
    this.clock.request();
  }

  /** The room's feed left one's own message out. */
  private async fetchOwn(ack: FrameOf<"ack">): Promise<void> {
    if (!this.outbox.get(ack.nonce)) return;
    const query = { after: seqBefore(ack.seq), before: seqAfter(ack.seq), limit: 1 };
    const page = await this.api.messages(this.slug, query).catch(() => null);
    const message = page?.messages.find((candidate) => candidate.id === ack.id);
    if (message) this.arrived([message]);
    if (message || page) this.outbox.drop(ack.nonce);
    this.clock.request();
  }

  private refused(frame: FrameOf<"error">): void {
    const retryAt = frame.retry_after_ms === undefined ? null : this.timers.now() + frame.retry_after_ms;
    if (frame.nonce === undefined) {
      if (frame.code === "room_not_found" || frame.code === "not_found") {
        this.cancelJoinWatch();
        this.phase = "missing";
        this.publish();
      } else this.refusal.set({ code: frame.code, detail: frame.detail, retryAt });
      return;
    }
    if (!this.outbox.get(frame.nonce)) return;
    this.outbox.mark(frame.nonce, { status: "failed", code: frame.code });
    this.refusal.set({ code: frame.code, detail: frame.detail, retryAt });
    this.publish();
  }

  private transmit(nonce: string): void {
    const line = this.outbox.get(nonce);
    if (!line || !this.connection.authed) return;
    const reply = line.replyTo === null ? {} : { reply_to: line.replyTo };
    if (!this.connection.write({ type: "send", room: this.slug, text: line.text, nonce, ...reply })) return;
    const sentAt = this.timers.now();
    this.outbox.mark(nonce, { status: "sent", code: null, sentAt });
    this.timers.after(ANSWER_WITHIN_MS, () => {
      const now = this.outbox.get(nonce);
      if (now?.status !== "sent" || now.sentAt !== sentAt) return;
      this.outbox.mark(nonce, { status: "failed", code: "unanswered" });
      this.publish();
    });
  }

  private viewerChanged(): void {
    this.ban.set(null);
    this.window.refresh();
    this.publish();
  }

  private mutedChanged(): void {
    this.calls.update((calls) => calls.filter((message) => !this.muted.has(message.user.username)));
    this.window.refresh();
    this.publish();
  }

  private remove(matches: (message: ChatMessage) => boolean): void {
    this.window.commit();
    this.window.remove(matches);
    this.recall.remove(matches);
    this.calls.update((calls) => calls.filter((message) => !matches(message)));
    this.publish();
  }

  private cleared(): void {
    const newest = this.window.newestSeq;
    this.window.reset("A moderator cleared the chat.");
    this.recall.clear();
    this.window.seen(newest);
    this.startSeq = null;
    this.calls.set([]);
    this.setOlder("start");
  }

  private tellVitals(frame: Pick<FrameOf<"room">, "viewers" | "settings" | "pinned" | "messages_per_second">): void {
    this.vitals.update((vitals) => ({
      ...vitals,
      viewers: frame.viewers,
      messagesPerSecond: frame.messages_per_second,
      settings: frame.settings,
      pinned: frame.pinned,
      weather: this.barometer.read(frame.messages_per_second, this.timers.now()),
    }));
  }

  /** Once a second: the minute's graph moves on, also through silence. */
  private beat(): void {
    const cancel = this.timers.after(1_000, () => {
      this.stops = this.stops.filter((stop) => stop !== cancel);
      const rate = this.vitals.getSnapshot().messagesPerSecond;
      this.pulse.update((samples) => [...samples, rate].slice(-PULSE_SAMPLES));
      const shown = this.shownSincePulse;
      this.shownSincePulse = 0;
      const weather = this.barometer.read(rate, this.timers.now());
      this.vitals.update((vitals) =>
        vitals.shownPerSecond === shown && vitals.weather === weather
          ? vitals
          : { ...vitals, shownPerSecond: shown, weather },
      );
      this.beat();
    });
    this.stops.push(cancel);
  }

  private setOlder(older: LogSnapshot["older"]): void {
    this.older = older;
    this.publish();
  }

  private setJump(jump: LogSnapshot["jump"]): void {
    this.jump = jump;
    this.publish();
  }

  private commit(): void {
    this.window.commit();
    this.publish();
  }

  private publish(): void {
    // Trimmed since the beginning was reached: there is something above again.
    if (this.older === "start" && this.startSeq !== null && this.window.oldestSeq !== this.startSeq)
      this.older = "idle";
    this.log.set({
      phase: this.phase,
      rows: this.window.rows,
      pending: this.outbox.shown,
      following: this.window.following,
      waiting: this.window.waiting,
      older: this.older,
      away: this.window.ahead !== null,
      jump: this.jump,
    });
  }
}
