// REST: people open a room (its facts, the last ten messages, older ones) and a few of them write.
//   k6 run -e BASE=http://127.0.0.1:8080 load-tests/k6/rest.js
import http from 'k6/http';
import { check } from 'k6';
import { BASE, ROOM, accounts } from './lib.js';

const seconds = Number(__ENV.SECONDS || 20);
const rate = Number(__ENV.RATE || 84);

export const options = {
  scenarios: {
    // The mission's joiners: 84 a second at its average, each of whom reads the last ten messages.
    readers: { executor: 'constant-arrival-rate', exec: 'read', rate, duration: `${seconds}s`, preAllocatedVUs: 20, maxVUs: 100 },
    writers: { executor: 'constant-arrival-rate', exec: 'write', rate: Math.ceil(rate / 4), duration: `${seconds}s`, preAllocatedVUs: 20, maxVUs: 100 },
  },
  thresholds: { checks: ['rate==1'], dropped_iterations: ['count<10'] },
};

export function setup() {
  return { tokens: accounts(8) };
}

export function read() {
  const rooms = http.get(`${BASE}/api/v1/rooms`);
  check(rooms, { 'rooms are told': (r) => r.status === 200 && r.json('rooms').length > 0 });
  const latest = http.get(`${BASE}/api/v1/rooms/${ROOM}/messages?limit=10`, { tags: { name: 'latest' } });
  check(latest, { 'the last ten are told, oldest first': (r) => r.status === 200 && sorted(r.json('messages')) });
  const before = latest.json('next_before');
  if (before) {
    const older = http.get(`${BASE}/api/v1/rooms/${ROOM}/messages?limit=10&before=${before}`, { tags: { name: 'older' } });
    check(older, { 'older ones are older': (r) => r.status === 200 && r.json('messages').every((m) => BigInt(m.seq) < BigInt(before)) });
  }
}

export function write({ tokens }) {
  const token = tokens[(__VU + __ITER) % tokens.length];
  const nonce = `k6-${__VU}-${__ITER}-${Date.now()}`;
  const send = () =>
    http.post(`${BASE}/api/v1/rooms/${ROOM}/messages`, JSON.stringify({ text: `hello from k6 ${__ITER}`, nonce }), {
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      tags: { name: 'send' },
    });
  const first = send();
  check(first, { 'a message is accepted': (r) => r.status === 201 });
  if (__ITER % 10 === 0) {
    check(send(), { 'the same nonce is the same message': (r) => r.status < 300 && r.json('id') === first.json('id') });
  }
}

function sorted(messages) {
  return messages.every((m, at) => at === 0 || BigInt(messages[at - 1].seq) < BigInt(m.seq));
}
