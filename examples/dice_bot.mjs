// A bot that answers !dice and !uptime, in one file and with nothing but Node (22, or 20 with --experimental-websocket).
//
//   twitchy user create --bot dice_bot                     prints its token, once
//   TWITCHY_BOT_TOKEN=… node examples/dice_bot.mjs bestie ohio
//
// It shows what a bot has to get right: it comes back by itself and goes on where it was (`after` and `epoch`), says
// everything exactly once whatever happens on the way (one nonce for each answer, kept until its ack), waits as long as
// it is told to, and goes when the server asks it to. docs/bots.md explains it.

const URL_OF_SERVER = process.env.TWITCHY_URL ?? "ws://127.0.0.1:8080/ws";
const TOKEN = process.env.TWITCHY_BOT_TOKEN;
const ROOMS = process.argv.slice(2);

const WAIT_MIN_MS = 500;
const WAIT_MAX_MS = 30_000;
/** Nothing heard for so long, though a ping went out half-way: the connection is dead. */
const SILENCE_MAX_MS = 60_000;
/** Answers that wait for their ack. Beyond it commands are passed over: nobody waits for the thousandth die. */
const UNSAID_MAX = 1_000;
/** The proof of a token holds for a day; it is renewed so long before. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** These say that the same may be accepted later; every other refusal is final. */
const PASSING = ["rate_limited", "slow_mode", "overloaded", "unavailable", "storage_full", "internal"];

const started = Date.now();
/** Room → where reading goes on. */
const places = new Map(ROOMS.map((room) => [room, {}]));
/** Nonce → what is to be said and was not acknowledged yet. */
const unsaid = new Map();

let socket;
let failures = 0;
let stopping = false;
let timers = new Set();

const log = (...words) => console.error(new Date().toISOString(), ...words);

function later(ms, what) {
  const timer = setTimeout(() => {
    timers.delete(timer);
    what();
  }, ms);
  timers.add(timer);
}

const tell = (frame) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
};

function connect() {
  for (const timer of timers) clearTimeout(timer);
  timers = new Set();
  const here = new WebSocket(URL_OF_SERVER, ["twitchy.v1.json"]);
  socket = here;
  let heard = Date.now();
  let wait;
  const heartbeat = () => {
    if (Date.now() - heard > SILENCE_MAX_MS) here.close();
    else tell({ type: "ping", id: "alive" });
    later(SILENCE_MAX_MS / 2, heartbeat);
  };
  here.onopen = () => {
    tell({ type: "auth", token: TOKEN });
    later(SILENCE_MAX_MS / 2, heartbeat);
  };
  here.onmessage = ({ data }) => {
    heard = Date.now();
    const frame = JSON.parse(data);
    if (frame.type === "reconnect") {
      // Where to is up to whoever stands in front of the servers; when, so that not all come at once, is told.
      wait = frame.after_ms;
      here.close();
    } else hear(frame);
  };
  here.onerror = () => {};
  here.onclose = ({ code, reason }) => {
    if (stopping || here !== socket) return;
    failures += 1;
    const backoff = Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
    wait ??= backoff;
    log(`the connection ended (${code} ${reason}); back in ${Math.round(wait)} ms`);
    setTimeout(connect, wait);
  };
}

function hear(frame) {
  switch (frame.type) {
    case "authed":
      failures = 0;
      later(Math.max(0, frame.expires_at - Date.now() - RENEW_BEFORE_MS), () => tell({ type: "auth", token: TOKEN }));
      for (const [room, { after, epoch }] of places) {
        // The first time from now on; later everything that was missed.
        tell(epoch ? { type: "join", room, history: 0, after, epoch } : { type: "join", room, history: 0 });
      }
      for (const nonce of unsaid.keys()) say(nonce);
      break;
    case "joined": {
      const place = places.get(frame.room);
      if (!place) break;
      if (place.epoch !== frame.epoch) log(`reading ${frame.room}`);
      // What a resume brings is in `history` and in the frames after it.
      if (frame.recovered) for (const message of frame.history) answer(frame.room, message);
      place.epoch = frame.epoch;
      place.after = frame.seq;
      console.log(`joined ${frame.room}`);
      break;
    }
    case "messages": {
      const place = places.get(frame.room);
      for (const message of frame.messages) {
        answer(frame.room, message);
        if (place) place.after = message.seq;
      }
      break;
    }
    case "left":
      log(`${frame.room} is left${frame.reason ? `: ${frame.reason}` : ""}`);
      places.delete(frame.room);
      break;
    case "ack":
      unsaid.delete(frame.nonce);
      break;
    case "error":
      refused(frame);
      break;
    // Frames that this bot has no use for, or that are newer than it.
    default:
  }
}

function refused({ code, detail, nonce, room, retry_after_ms }) {
  if (code === "unauthorized" || code === "token_expired") {
    log(`the token is not good: ${detail}`);
    process.exitCode = 1;
    stop();
  } else if (nonce && PASSING.includes(code)) {
    later(retry_after_ms ?? 1_000, () => say(nonce));
  } else {
    log(`refused: ${code} ${room ?? ""} ${detail}`);
    if (nonce) unsaid.delete(nonce);
  }
}

function answer(room, { id, text, user }) {
  // Two bots that answer each other never end.
  if (user.badges?.includes("bot")) return;
  // Styles pass commands on as they are, but may say something before them.
  const command = /(?:^|\s)!(dice|uptime)(?![\w-])/.exec(text)?.[1];
  if (!command || unsaid.size >= UNSAID_MAX) return;
  const words =
    command === "dice" ? `${1 + Math.floor(Math.random() * 6)}` : `${Math.round((Date.now() - started) / 1000)} s`;
  // Made from the message that is answered: also a bot that was started anew, or runs twice, says it once.
  const nonce = `re:${id}`;
  if (unsaid.has(nonce)) return;
  unsaid.set(nonce, { room, text: `@${user.username} ${words}`, reply_to: id });
  say(nonce);
}

function say(nonce) {
  const words = unsaid.get(nonce);
  if (words) tell({ type: "send", nonce, ...words });
}

function stop() {
  stopping = true;
  for (const timer of timers) clearTimeout(timer);
  socket?.close(1000);
}

if (typeof WebSocket === "undefined") {
  console.error("this Node has no WebSocket yet: start it with --experimental-websocket, or take Node 22");
  process.exitCode = 64;
} else if (!TOKEN || ROOMS.length === 0) {
  console.error("usage: TWITCHY_BOT_TOKEN=… [TWITCHY_URL=ws://…/ws] node dice_bot.mjs ROOM…");
  process.exitCode = 64;
} else {
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  connect();
}
