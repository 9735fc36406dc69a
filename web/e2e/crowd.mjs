/**
 * A crowd for the storm, in a process of its own so that measuring does not slow it:
 *
 *     node --experimental-websocket e2e/crowd.mjs BASE_URL ROOM PEOPLE MESSAGES_PER_SECOND SECONDS
 *
 * The people are called after the room, so a room has one crowd. Prints `talking` when all are in and have begun, and how many lines were accepted at the end.
 */
const [base, room, people, rate, seconds] = process.argv.slice(2);
const TICK_MS = 20;
const WORDS = "the meeting could have been an email honestly this stream is great who is that hello everyone gg".split(
  " ",
);

const line = (n) =>
  `${Array.from({ length: 3 + (n % 9) }, (_, at) => WORDS[(n * 7 + at * 3) % WORDS.length]).join(" ")} ${n}`;

async function member(at) {
  const body = JSON.stringify({ username: `of_${room}_${at}`, password: "correct horse battery" });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(new URL("/api/v1/auth/register", base), { method: "POST", headers, body });
  if (!answer.ok) throw new Error(`register: ${answer.status} ${await answer.text()}`);
  const { access_token: token } = await answer.json();
  const socket = new WebSocket(new URL("/ws", base.replace("http", "ws")), "twitchy.v1.json");
  const one = { socket, accepted: 0, refused: 0 };
  await new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error("no connection"));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "hello") socket.send(JSON.stringify({ type: "auth", token }));
      else if (frame.type === "authed") resolve();
      else if (frame.type === "ack") one.accepted += 1;
      else if (frame.type === "error") one.refused += 1;
    };
  });
  return one;
}

const crowd = [];
for (let at = 0; at < Number(people); at++) crowd.push(await member(at));
console.log("talking");

const start = performance.now();
let sent = 0;
await new Promise((resolve) => {
  const timer = setInterval(() => {
    const elapsed = performance.now() - start;
    const due = Math.min(elapsed, Number(seconds) * 1_000) * (Number(rate) / 1_000);
    for (; sent < due; sent++) {
      const one = crowd[sent % crowd.length];
      one.socket.send(JSON.stringify({ type: "send", room, text: line(sent), nonce: `n${sent}` }));
    }
    if (elapsed < Number(seconds) * 1_000) return;
    clearInterval(timer);
    resolve();
  }, TICK_MS);
});
const answered = () => crowd.reduce((sum, one) => sum + one.accepted + one.refused, 0);
const deadline = performance.now() + 10_000;
while (answered() < sent && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
const accepted = crowd.reduce((sum, one) => sum + one.accepted, 0);
console.log(JSON.stringify({ sent, accepted, seconds: (performance.now() - start) / 1_000 }));
for (const one of crowd) one.socket.close();
