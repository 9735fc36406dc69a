// What the scripts share: addresses and accounts. Limits have to be off, see ../README.md.
import http from 'k6/http';
import { fail } from 'k6';

export const BASE = __ENV.BASE || 'http://127.0.0.1:8080';
export const SOCKET = BASE.replace(/^http/, 'ws') + '/ws';
export const ROOM = __ENV.ROOM || 'bestie';

/** A user of its own for each number; tokens of them all. Called in setup, once. */
export function accounts(count) {
  const password = 'correct horse battery';
  const post = (path, body) =>
    http.post(`${BASE}/api/v1/auth/${path}`, JSON.stringify(body), {
      headers: { 'content-type': 'application/json' },
      responseCallback: http.expectedStatuses(200, 201, 409),
    });
  return Array.from({ length: count }, (_, number) => {
    const who = { username: `k6_${number}`, password };
    let answer = post('register', who);
    if (answer.status === 409) answer = post('login', who);
    if (answer.status >= 400) fail(`${who.username}: ${answer.status} ${answer.body}`);
    return answer.json('access_token');
  });
}
