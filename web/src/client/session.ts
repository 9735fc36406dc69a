import type { AuthAnswer, ProfileBody, User } from "../protocol/__generated__/protocol";
import { user as userShape } from "../protocol/objects";
import { record, text, withDefault } from "../protocol/shape";
import type { Api } from "./api";
import type { Lock } from "./lock";
import { newSecret } from "./nonce";
import { CallProblem } from "./problem";
import { Signal } from "./signal";
import type { KeyValue } from "./storage";
import type { Cancel, Timers } from "./timers";

/** `ended` is an anonymous state with a reason worth telling: the server no longer takes the stored token. */
export type SessionState = { kind: "anonymous"; ended: boolean } | { kind: "member"; user: User };

interface Access {
  token: string;
  expiresAt: number;
}

const STORAGE_KEY = "twitchy.session";
const LOCK_NAME = "twitchy.refresh";
/** Renew this long before the end, so that no call and no socket meets an expired token. */
const RENEW_BEFORE_MS = 60_000;
/** A token with less left than this is not handed out any more. */
const SPARE_MS = 10_000;
const RETRY_MS = 10_000;

/** `next` is there while an exchange is under way: what the token that follows is to be. */
interface Stored {
  refresh_token: string;
  user: User;
  next: string | null;
}
const stored = record<Stored>({ refresh_token: text, user: userShape, next: withDefault<string | null>(text, null) });

/**
 * Who one is. The access token lives in memory only; the refresh token in storage that all tabs share. As a refresh
 * token is good for one use, renewing goes through a lock and reads the stored one inside it: a tab that comes second
 * finds what the first one left. A page may be reloaded or closed before the answer comes; so the next token is chosen
 * and kept here first, and whoever comes after asks for the same exchange again.
 */
export class Session {
  readonly state: Signal<SessionState>;
  /** The current access token, for the socket, which has to be told of every new one. */
  readonly token = new Signal<string | null>(null);

  private access: Access | null = null;
  private renewing: Promise<string | null> | null = null;
  /** A new password is on its way: that the stored token is refused meanwhile ends nothing. */
  private changing = false;
  private cancelTimer: Cancel = () => {};
  private readonly api: Api;
  private readonly storage: KeyValue;
  private readonly lock: Lock;
  private readonly timers: Timers;

  constructor(deps: { api: Api; storage: KeyValue; lock: Lock; timers: Timers }) {
    this.api = deps.api;
    this.storage = deps.storage;
    this.lock = deps.lock;
    this.timers = deps.timers;
    const known = this.read();
    this.state = new Signal<SessionState>(
      known ? { kind: "member", user: known.user } : { kind: "anonymous", ended: false },
    );
    deps.api.tokensFrom(
      (refused) => this.accessToken(refused),
      () => this.user?.admin ?? false,
    );
  }

  get user(): User | null {
    const state = this.state.getSnapshot();
    return state.kind === "member" ? state.user : null;
  }

  async register(username: string, password: string): Promise<void> {
    this.accept(await this.api.register(username.toLowerCase(), password, username));
  }

  async login(username: string, password: string): Promise<void> {
    this.accept(await this.api.login(username, password));
  }

  async updateProfile(change: ProfileBody): Promise<void> {
    const user = await this.api.updateProfile(change);
    const known = this.read();
    if (known) this.write({ ...known, user });
    this.state.set({ kind: "member", user });
  }

  /** Ends every session there is, also this one, so this browser logs in anew at once. */
  async changePassword(current: string, next: string): Promise<void> {
    const { user } = this;
    if (!user) return;
    this.changing = true;
    try {
      await this.api.changePassword(current, next);
      this.accept(await this.api.login(user.username, next));
    } catch (error) {
      // Whether the session outlived this is for the server to say.
      this.changing = false;
      await this.accessToken(true);
      throw error;
    } finally {
      this.changing = false;
    }
  }

  async logout(): Promise<void> {
    const known = this.read();
    this.forget(false);
    // The token is gone here whatever the server says; an unreachable server lets it expire.
    if (known) await this.api.logout(known.refresh_token).catch(() => {});
  }

  /**
   * A token that is good for a while yet; null for nobody, or when the server cannot be reached to renew it. Whoever
   * comes with one that was `refused` gets another: the one that has taken its place meanwhile, if there is one.
   */
  async accessToken(refused?: string | true): Promise<string | null> {
    const fresh = this.freshToken();
    if (fresh !== null && refused !== true && refused !== fresh) return fresh;
    if (!this.read()) return null;
    return this.renew();
  }

  private freshToken(): string | null {
    const { access } = this;
    return access && access.expiresAt - SPARE_MS > this.timers.now() ? access.token : null;
  }

  /** Another tab logged in, out or as someone else. */
  storageChanged(key: string | null): void {
    if (key !== STORAGE_KEY && key !== null) return;
    const known = this.read();
    if (!known) {
      // Another tab may find its token refused before the new password's log-in is answered here.
      if (this.user && !this.changing) this.forget(false);
      return;
    }
    if (known.user.id === this.user?.id) {
      this.state.set({ kind: "member", user: known.user });
      return;
    }
    this.access = null;
    this.token.set(null);
    this.state.set({ kind: "member", user: known.user });
    void this.renew();
  }

  private renew(): Promise<string | null> {
    this.renewing ??= this.lock(LOCK_NAME, () => this.exchange(1)).finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  private async exchange(retries: number): Promise<string | null> {
    const known = this.read();
    if (!known) return null;
    const next = known.next ?? newSecret();
    if (known.next === null) this.write({ ...known, next });
    const before = this.access;
    try {
      const answer = await this.api.refresh(known.refresh_token, next);
      const now = this.read();
      // Logged out while the answer was under way: it must not log in again.
      if (!now) return null;
      if (now.refresh_token !== known.refresh_token) return this.overtaken(before, retries);
      this.accept(answer);
      return answer.access_token;
    } catch (error) {
      const refused = error instanceof CallProblem && (error.status === 401 || error.status === 403);
      if (!refused) {
        this.renewIn(RETRY_MS);
        return null;
      }
      const now = this.read();
      if (now && now.refresh_token !== known.refresh_token) return this.overtaken(before, retries);
      if (!this.changing) this.forget(true);
      return null;
    }
  }

  /** Someone logged in anew while a token was exchanged, here or in another tab: that session is the one to go on with. */
  private async overtaken(before: Access | null, retries: number): Promise<string | null> {
    if (this.access !== before) return this.freshToken();
    return retries > 0 ? this.exchange(retries - 1) : null;
  }

  private accept(answer: AuthAnswer): void {
    const lifetime = answer.expires_in * 1000;
    this.access = { token: answer.access_token, expiresAt: this.timers.now() + lifetime };
    this.write({ refresh_token: answer.refresh_token, user: answer.user, next: null });
    this.state.set({ kind: "member", user: answer.user });
    this.token.set(answer.access_token);
    this.renewIn(Math.max(lifetime - RENEW_BEFORE_MS, lifetime / 2));
  }

  private renewIn(ms: number): void {
    this.cancelTimer();
    this.cancelTimer = this.timers.after(ms, () => void this.renew());
  }

  private forget(ended: boolean): void {
    this.cancelTimer();
    this.access = null;
    this.storage.remove(STORAGE_KEY);
    this.state.set({ kind: "anonymous", ended });
    this.token.set(null);
  }

  private read() {
    const raw = this.storage.get(STORAGE_KEY);
    if (!raw) return undefined;
    try {
      return stored(JSON.parse(raw));
    } catch {
      return undefined;
    }
  }

  private write({ refresh_token, user, next }: Stored): void {
    this.storage.set(STORAGE_KEY, JSON.stringify({ refresh_token, user, ...(next !== null && { next }) }));
  }
}
