// WebSocket: viewers who read a room for a while, some of whom write; each checks order, doubles and its acks.
//   k6 run -e BASE=http://127.0.0.1:8080 load-tests/k6/socket.js
import ws from 'k6/ws';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { ROOM, SOCKET, accounts } from './lib.js';

const seconds = Number(__ENV.SECONDS || 20);
const viewers = Number(__ENV.VIEWERS || 200);
const WRITERS = 8;

const shown = new Counter('messages_shown');
const acked = new Trend('send_to_ack', true);
const acks = new Counter('acks');

export const options = {
  scenarios: {
    viewers: { executor: 'per-vu-iterations', vus: viewers, iterations: 1, maxDuration: `${seconds + 30}s` },
  },
  thresholds: { checks: ['rate==1'], acks: ['count>0'] },
};

export function setup() {
  return { tokens: accounts(WRITERS) };
}

export default function ({ tokens }) {
  const token = __VU <= WRITERS ? tokens[__VU - 1] : null;
  let last = 0n;
  let inOrder = true;
  let joined = false;
  const waiting = {};
  const answer = ws.connect(SOCKET, { headers: { 'Sec-WebSocket-Protocol': 'twitchy.v1.json' } }, (socket) => {
    socket.on('open', () => {
      if (token) socket.send(JSON.stringify({ type: 'auth', token }));
      socket.send(JSON.stringify({ type: 'join', room: ROOM, history: 10 }));
    });
    socket.on('message', (text) => {
      const frame = JSON.parse(text);
      if (frame.type === 'joined') {
        joined = true;
        last = BigInt(frame.seq);
      } else if (frame.type === 'messages') {
        for (const message of frame.messages) {
          inOrder = inOrder && BigInt(message.seq) > last;
          last = BigInt(message.seq);
        }
        shown.add(frame.messages.length);
      } else if (frame.type === 'gap') {
        last = BigInt(frame.to);
      } else if (frame.type === 'ack') {
        acks.add(1);
        acked.add(Date.now() - waiting[frame.nonce]);
        delete waiting[frame.nonce];
      } else if (frame.type === 'authed') {
        let count = 0;
        socket.setInterval(() => {
          const nonce = `k6-${__VU}-${count++}-${Date.now()}`;
          waiting[nonce] = Date.now();
          socket.send(JSON.stringify({ type: 'send', room: ROOM, text: `hello from k6 ${count}`, nonce }));
        }, 500);
      }
    });
    socket.setTimeout(() => socket.close(), seconds * 1000);
  });
  check(answer, { 'the upgrade is accepted': (r) => r && r.status === 101 });
  check(null, { 'joined': () => joined, 'in order and nothing twice': () => inOrder });
  // What was sent in the last moment may be without an answer.
  check(null, { 'sends are answered': () => Object.keys(waiting).length <= 1 });
}
