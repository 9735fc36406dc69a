import type { AuthAnswer, Emote, ProfileBody, Room, User } from "../protocol/__generated__/protocol";
import type { ChatMessage } from "../protocol/message";
import {
  authAnswer,
  emotesAnswer,
  messagesAnswer,
  previewsAnswer,
  problem,
  rooms,
  textAnswer,
  user,
} from "../protocol/objects";
import { finite, isRecord, type Shape } from "../protocol/shape";
import { CallProblem } from "./problem";

/** Long enough for a slow phone, short enough that a spinner does not stay for ever. */
const CALL_TIMEOUT_MS = 15_000;

type Fetch = (input: string, init: RequestInit) => Promise<Response>;

/** Gives a token that is still good, and another one than was refused (`true`: than any before); null for nobody. */
export type TokenSource = (refused?: string | true) => Promise<string | null>;

export interface Call<T> {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  answer: Shape<T>;
  /** JSON, or a file as it is. */
  body?: unknown;
  signal?: AbortSignal | undefined;
  authenticated?: boolean;
}

/** For calls whose success says everything. */
export const nothing: Shape<null> = () => null;

export interface Page {
  messages: ChatMessage[];
  next_before: string | null;
  next_after: string | null;
}

/** The REST calls the page makes, typed, each with a time limit. Tokens come from outside and only where needed. */
export class Api {
  private readonly fetch: Fetch;
  private readonly base: string;
  private tokens: TokenSource = async () => null;
  /** Whether the one who asks is an admin: such a one is shown what is closed to others. */
  private admin: () => boolean = () => false;

  constructor(fetch: Fetch, base = "/api/v1") {
    this.fetch = fetch;
    this.base = base;
  }

  tokensFrom(tokens: TokenSource, admin: () => boolean = () => false): void {
    this.tokens = tokens;
    this.admin = admin;
  }

  /** For an admin also those that are closed. */
  rooms(): Promise<Room[]> {
    return this.request({ method: "GET", path: "/rooms", answer: rooms, authenticated: this.admin() });
  }

  messages(
    slug: string,
    query: { before?: string; after?: string; limit: number },
    signal?: AbortSignal,
  ): Promise<Page> {
    const search = new URLSearchParams({ limit: String(query.limit) });
    if (query.before) search.set("before", query.before);
    if (query.after) search.set("after", query.after);
    return this.request({
      method: "GET",
      path: `${roomPath(slug)}/messages?${search}`,
      answer: messagesAnswer,
      authenticated: this.admin(),
      signal,
    });
  }

  async original(slug: string, id: string): Promise<string> {
    const path = `${roomPath(slug)}/messages/${encodeURIComponent(id)}/original`;
    return (await this.request({ method: "GET", path, answer: textAnswer, authenticated: true })).text;
  }

  /** Those of a room, and those of all rooms. */
  async emotes(slug: string): Promise<Emote[]> {
    const path = `${roomPath(slug)}/emotes`;
    return (await this.request({ method: "GET", path, answer: emotesAnswer, authenticated: this.admin() })).emotes;
  }

  async preview(slug: string, text: string, signal?: AbortSignal): Promise<string> {
    const path = `${roomPath(slug)}/preview`;
    return (await this.request({ method: "POST", path, body: { text }, answer: textAnswer, signal })).text;
  }

  previews(text: string, signal?: AbortSignal): Promise<Record<string, string>> {
    return this.request({ method: "POST", path: "/preview", body: { text }, answer: previewsAnswer, signal });
  }

  register(username: string, password: string, displayName: string): Promise<AuthAnswer> {
    const body = { username, password, display_name: displayName };
    return this.request({ method: "POST", path: "/auth/register", body, answer: authAnswer });
  }

  login(username: string, password: string): Promise<AuthAnswer> {
    return this.request({ method: "POST", path: "/auth/login", body: { username, password }, answer: authAnswer });
  }

  /** The next one is named here, so that the same exchange can be asked for again if its answer is lost. */
  refresh(refreshToken: string, next: string): Promise<AuthAnswer> {
    const body = { refresh_token: refreshToken, next_refresh_token: next };
    return this.request({ method: "POST", path: "/auth/refresh", body, answer: authAnswer });
  }

  async logout(refreshToken: string): Promise<void> {
    const body = { refresh_token: refreshToken };
    await this.request({ method: "POST", path: "/auth/logout", body, answer: nothing });
  }

  updateProfile(change: ProfileBody): Promise<User> {
    return this.request({ method: "PATCH", path: "/users/me", body: change, answer: user, authenticated: true });
  }

  async changePassword(current: string, next: string): Promise<void> {
    const body = { current_password: current, new_password: next };
    await this.request({ method: "POST", path: "/users/me/password", body, answer: nothing, authenticated: true });
  }

  /** Takes one's own message away, or as a moderator anyone's. */
  async deleteMessage(slug: string, id: string): Promise<void> {
    const path = `${roomPath(slug)}/messages/${encodeURIComponent(id)}`;
    await this.request({ method: "DELETE", path, answer: nothing, authenticated: true });
  }

  /** Any call; those of a part of the page that not everyone sees live beside that part. */
  async request<T>(call: Call<T>): Promise<T> {
    if (!call.authenticated) return this.attempt(call, null);
    const token = await this.tokens();
    try {
      return await this.attempt(call, token);
    } catch (error) {
      const stale = error instanceof CallProblem && (error.code === "token_expired" || error.code === "unauthorized");
      if (!stale) throw error;
      return this.attempt(call, await this.tokens(token ?? true));
    }
  }

  private async attempt<T>(call: Call<T>, token: string | null): Promise<T> {
    const headers: Record<string, string> = { accept: "application/json" };
    const file = call.body instanceof Blob ? call.body : null;
    if (file) headers["content-type"] = file.type;
    else if (call.body !== undefined) headers["content-type"] = "application/json";
    if (token) headers.authorization = `Bearer ${token}`;
    const limit = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const init: RequestInit = {
      method: call.method,
      headers,
      signal: call.signal ? AbortSignal.any([call.signal, limit]) : limit,
      credentials: "omit",
      cache: "no-store",
    };
    if (call.body !== undefined) init.body = file ?? JSON.stringify(call.body);

    let response: Response;
    let value: unknown;
    try {
      response = await this.fetch(this.base + call.path, init);
      const body = await response.text();
      value = body === "" ? null : parse(body);
    } catch (error) {
      if (call.signal?.aborted) throw error;
      throw new CallProblem("unreachable", 0, "The server did not answer.");
    }
    if (!response.ok) throw refusal(response, value);
    const answer = call.answer(value);
    if (answer === undefined) throw new CallProblem("unreachable", response.status, "The answer could not be read.");
    return answer;
  }
}

export const roomPath = (slug: string): string => `/rooms/${encodeURIComponent(slug)}`;

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function refusal(response: Response, value: unknown): CallProblem {
  const known = problem(value);
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const wait = (isRecord(value) && finite(value.retry_after_ms)) || (Number.isFinite(seconds) ? seconds * 1000 : null);
  if (!known)
    return new CallProblem(response.status === 429 ? "rate_limited" : "unreachable", response.status, "", [], wait);
  return new CallProblem(known.code, response.status, known.detail, known.errors, wait);
}
