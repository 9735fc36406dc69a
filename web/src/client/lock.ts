import type { KeyValue } from "./storage";
import type { Timers } from "./timers";

/** Runs one holder of a name at a time, over all tabs of the browser. */
export type Lock = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** Longer than a call may take, so that a lease ends only for a tab that is gone. */
const LEASE_MS = 20_000;
const SETTLE_MS = 40;
const TRIES_MAX = 60;
const TRY_EVERY_MS = 400;

/**
 * Web Locks where the page may use them. They need a secure context; over plain HTTP in a local network a lease in
 * shared storage does nearly as well: written, and believed only if it still stands a moment later.
 */
export function browserLock(storage: KeyValue, timers: Timers): Lock {
  const locks = globalThis.navigator?.locks;
  if (locks) return async (name, run) => await locks.request(name, run);
  return leaseLock(storage, timers);
}

export function leaseLock(storage: KeyValue, timers: Timers): Lock {
  const me = Math.floor(timers.random() * 2 ** 48).toString(36);
  const wait = (ms: number) => new Promise<void>((resolve) => timers.after(ms, resolve));
  return async (name, run) => {
    const key = `${name}.lease`;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const [owner, until] = (storage.get(key) ?? "").split(" ");
      if (!owner || owner === me || Number(until) < timers.now()) {
        storage.set(key, `${me} ${timers.now() + LEASE_MS}`);
        await wait(SETTLE_MS);
        if (storage.get(key)?.startsWith(`${me} `)) break;
      }
      await wait(TRY_EVERY_MS);
    }
    try {
      return await run();
    } finally {
      if (storage.get(key)?.startsWith(`${me} `)) storage.remove(key);
    }
  };
}
