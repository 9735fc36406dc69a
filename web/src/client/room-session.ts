import type { ClientFrame } from "../protocol/__generated__/protocol";
import { type ChatMessage, concerns, type FrameOf, type RoomFrame } from "../protocol/message";
import { seqAfter, seqBefore } from "../protocol/seq";
import type { Api } from "./api";
import { BanWatch } from "./ban-watch";
import { CommitClock } from "./commit-clock";
import type { Connection, RoomReader } from "./connection";
import { readGap } from "./gap-pages";
import type { Highlights } from "./highlights";
import { MessageWindow } from "./message-window";
import type { Muted } from "./muted";
import { type Person, Recall } from "./recall";
import { RoomGauge, type Told } from "./room-gauge";
import { moderates } from "./room-moderation";
import { type Ban, EMPTY_LOG, type LogSnapshot, type RoomDeps, type RoomVitals } from "./room-state";
import type { Session } from "./session";
import { Signal } from "./signal";
import { Talk } from "./talk";
import { firstAfter, placeBefore, timeOfId } from "./time-search";
import type { Cancel, Timers } from "./timers";

/** A screenful; the room's beginning is fetched as one scrolls. */
const HISTORY_ON_JOIN = 30;
const OLDER_PAGE = 50;
/** A gap is filled with at most this many pages at once; what is left stays a row. */
const GAP_PAGES = 5;
/** What is shown around a time that was jumped to: some context before it, and what followed. */
const JUMP_BEFORE = 20;
const JUMP_AFTER = 60;
/** No answer to a join in this time: it is told, and asked again. */
const JOIN_WITHIN_MS = 10_000;
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
  readonly gauge = new RoomGauge();
  readonly vitals = this.gauge.vitals;
  readonly pulse = this.gauge.pulse;
  readonly talk: Talk;
  get ban(): Signal<Ban | null> {
    return this.bans.ban;
  }
  /** How many messages the last reconnect brought; null once that was told. */
  readonly caughtUp = new Signal<number | null>(null);
  /** The message to bring into sight, once it is on the page. */
  readonly target = new Signal<string | null>(null);
  /** What the last frame brought that was new, for those who listen rather than look. */
  readonly heard = new Signal<readonly ChatMessage[]>([]);
  /** Live messages that mention the reader or answer them, newest last. */
  readonly calls = new Signal<readonly ChatMessage[]>([]);

  private readonly window: MessageWindow;
  /** What was said lately: who spoke, and what answers what. */
  readonly recall = new Recall();
  private readonly clock: CommitClock;
  private readonly bans: BanWatch;
  private phase: LogSnapshot["phase"] = "joining";
  private older: LogSnapshot["older"] = "idle";
  private jump: LogSnapshot["jump"] = "idle";
  /** Counts jumps, so that the answer to an overtaken one is not shown. */
  private jumps = 0;
  private startSeq: string | null = null;
  private epoch: string | null = null;
  private feed: RoomVitals["feed"] = "auto";
  private joinedBefore = false;
  private cancelJoinWatch: Cancel = () => {};
  private viewerId: string | null;
  private stops: Cancel[] = [];
  private readonly api: Api;
  private readonly connection: Connection;
  private readonly session: Session;
  private readonly muted: Muted;
  private readonly highlights: Highlights;
  private readonly timers: Timers;

  constructor(slug: string, deps: RoomDeps) {
    this.slug = slug;
    this.api = deps.api;
    this.connection = deps.connection;
    this.session = deps.session;
    this.muted = deps.muted;
    this.highlights = deps.highlights;
    this.timers = deps.timers;
    this.bans = new BanWatch(deps.timers);
    const session = this.session;
    this.viewerId = session.user?.id ?? null;
    this.talk = new Talk({
      slug,
      ...deps,
      changed: () => this.publish(),
      known: (id) => this.window.has(id),
      found: (message) => this.arrived([message], 0),
      pace: () => this.pace(),
    });
    const { talk } = this;
    const self = this;
    this.window = new MessageWindow({
      get username() {
        return session.user?.username ?? null;
      },
      muted: (username) => deps.muted.has(username),
      notes: (text) => self.notes(text),
      get moderates() {
        return self.moderates;
      },
      ownLine: (id) => talk.ownLine(id),
    });
    this.clock = new CommitClock({ commit: () => this.commit(), screen: deps.screen, timers: deps.timers });
  }

  start(): void {
    if (this.stops.length > 0) return;
    this.stops = [
      this.connection.read(this),
      this.session.state.subscribe(() => this.viewerChanged()),
      this.muted.names.subscribe(() => this.mutedChanged()),
      this.highlights.words.subscribe(() => this.mutedChanged()),
    ];
    this.beat();
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.stops = [];
    this.clock.stop();
    this.cancelJoinWatch();
    this.bans.stop();
    this.talk.stop();
  }

  /** The page became visible. */
  shown(): void {
    this.clock.shown();
  }

  // --- what the reader does ---

  pause(): void {
    if (!this.window.following && !this.window.held) return;
    this.window.pause();
    this.publish();
  }

  /** Stops for as long as a moderator's pointer is on a row, so that they hit the one they mean. */
  hold(): void {
    if (!this.window.following) return;
    this.window.pause(true);
    this.publish();
  }

  release(): void {
    if (this.window.held) this.follow();
  }

  get moderates(): boolean {
    const { role } = this.vitals.getSnapshot();
    return moderates(role);
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
      this.window.fill(key, found, complete ? gap.to : null);
    } catch {
      this.window.gapLoading(key, false);
    }
    this.publish();
  }

  setFeed(feed: RoomVitals["feed"]): void {
    this.feed = feed;
    this.gauge.set({ feed });
    this.connection.rejoin(this);
  }

  /** Says something; false when too many lines are still on the way. */
  send(text: string, replyTo: string | null): boolean {
    if (!this.talk.send(text, replyTo)) return false;
    const answered = replyTo === null ? null : this.recall.get(replyTo);
    if (answered) this.recall.talkedWith(answered.user.username);
    this.follow();
    return true;
  }

  /** People to complete a name with. */
  find(part: string, limit: number): Person[] {
    return this.recall.named(part, limit, this.session.user?.username ?? null);
  }

  /** Whether a text has a word in it that the reader wants to notice, or their name. */
  notes(text: string): boolean {
    return this.highlights.in(text, this.session.user?.username ?? null);
  }

  toldCaughtUp(): void {
    this.caughtUp.set(null);
  }

  /** A moderator looks at messages that were taken away, or has found out why. */
  changeRemoved(key: string, change: { revealed?: boolean; why?: string }): void {
    this.pause();
    this.window.changeRemoved(key, change);
    this.publish();
  }

  /** What was typed, as the server tells it to the author and to moderators. */
  async revealOriginal(message: ChatMessage): Promise<void> {
    if (this.talk.ownLine(message.id)) return;
    const text = await this.api.original(this.slug, message.id).catch(() => null);
    if (text === null) return;
    this.talk.learn(message.id, text);
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
        this.arrived(frame.messages, frame.skipped);
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
        if (this.talk.accepted(frame)) this.window.refresh();
        this.clock.request();
        return;
      case "error":
        this.refused(frame);
        return;
      case "banned":
        this.bans.set({ until: frame.until, reason: frame.reason });
        return;
      case "unbanned":
        this.bans.set(null);
        return;
      case "role":
        this.roleChanged(frame.you.role);
        return;
      case "left":
        if (frame.reason === "archived") this.gone("closed");
        return;
    }
  }

  authed(): void {
    // It was asked for before anyone knew who asks; an admin may read it.
    if (this.phase === "closed") this.connection.rejoin(this);
    this.talk.authed();
    this.publish();
  }

  lost(): void {
    this.cancelJoinWatch();
    this.talk.lost();
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
    for (const message of fresh) this.talk.match(message);
    this.epoch = frame.epoch;
    this.joinedBefore = true;
    this.phase = "live";
    this.roleChanged(frame.you.role);
    // A server that says what the room is called says also that it is closed, and leaves it out where it is not.
    const open = frame.title === undefined ? {} : { archived: false };
    this.tellVitals({ ...open, ...frame, messages_per_second: this.vitals.getSnapshot().messagesPerSecond });
    this.commit();
  }

  private arrived(messages: readonly ChatMessage[], skipped: number): void {
    this.gauge.count(messages.length, skipped, this.timers.now());
    const me = this.session.user?.username;
    const fromHistory = skipped > 0 && this.window.passBy(skipped, messages);
    const taken = fromHistory ? messages : this.window.take(messages);
    const fresh = me === undefined ? taken : [...taken, ...this.late(messages, taken, me)];
    this.recall.take(fresh);
    if (me !== undefined) for (const message of fresh) this.noticeMine(message, me);
    this.heard.set(fresh.filter((message) => message.user.username !== me && !this.muted.has(message.user.username)));
    this.clock.arrived(fresh.length);
  }

  /** A sampled feed brings what concerns the reader beside the rest, and so perhaps after its place went by. */
  private late(messages: readonly ChatMessage[], taken: readonly ChatMessage[], me: string): ChatMessage[] {
    return messages.filter((message) => {
      if (!concerns(message, me) || taken.includes(message)) return false;
      if (message.user.username === me) this.talk.match(message);
      return this.window.insert(message);
    });
  }

  private noticeMine(message: ChatMessage, me: string): void {
    if (message.user.username === me) this.talk.match(message);
    else if (concerns(message, me)) {
      if (this.muted.has(message.user.username)) return;
      this.recall.talkedWith(message.user.username);
      this.calls.update((calls) => [...calls, message].slice(-CALLS_KEPT));
    }
  }

  /** There is no such room, or only admins may read it. */
  private gone(phase: "missing" | "closed"): void {
    this.cancelJoinWatch();
    this.phase = phase;
    this.publish();
  }

  private refused(frame: FrameOf<"error">): void {
    const { nonce, code } = frame;
    if (nonce === undefined && code === "room_archived") this.gone("closed");
    else if (nonce === undefined && (code === "room_not_found" || code === "not_found")) this.gone("missing");
    else this.talk.refused(frame);
  }

  private roleChanged(role: RoomVitals["role"]): void {
    const before = this.moderates;
    this.gauge.set({ role });
    if (before === this.moderates) return;
    this.window.refresh();
    this.publish();
  }

  /** How long slow mode makes one wait between two lines. */
  private pace(): number {
    const { role, settings } = this.vitals.getSnapshot();
    return role === "viewer" ? settings.slow_mode_seconds * 1_000 : 0;
  }

  private viewerChanged(): void {
    const id = this.session.user?.id ?? null; // A token that was renewed changes nobody.
    if (id === this.viewerId) return;
    this.viewerId = id;
    this.bans.set(null);
    // What one is here is said again when the server knows who one is.
    if (id === null) this.roleChanged("viewer");
    this.talk.freed();
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

  private tellVitals(frame: Told): void {
    const slow = this.vitals.getSnapshot().settings.slow_mode_seconds;
    this.gauge.told(frame, this.timers.now());
    if (frame.settings.slow_mode_seconds < slow) this.talk.freed();
  }

  /** Once a second: the minute's graph moves on, also through silence. */
  private beat(): void {
    const cancel = this.timers.after(1_000, () => {
      this.stops = this.stops.filter((stop) => stop !== cancel);
      this.gauge.tick(this.timers.now());
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
      pending: this.talk.lines,
      following: this.window.following,
      held: this.window.held,
      waiting: this.window.waiting,
      older: this.older,
      away: this.window.ahead !== null,
      jump: this.jump,
    });
  }
}
