import { useEffect, useState } from "react";
import type { Api } from "../../client/api";
import { CallProblem } from "../../client/problem";

const DEBOUNCE_MS = 250;
const LETTERS_MIN = 3;
const CACHE_MAX = 100;

export interface Previews {
  /** The sentence the texts belong to. */
  text: string;
  rooms: Readonly<Record<string, string>>;
}

const cache = new Map<string, Previews>();

/** What each room would make of a sentence, a quarter of a second after the last key; null while it is too short. */
export function usePreviews(api: Api, typed: string): { previews: Previews | null; failed: boolean } {
  const text = typed.trim();
  const [previews, setPreviews] = useState<Previews | null>(null);
  const [failed, setFailed] = useState(false);

  useEffect(() => {
    setFailed(false);
    if ([...text].length < LETTERS_MIN) {
      setPreviews(null);
      return;
    }
    const known = cache.get(text);
    if (known) {
      setPreviews(known);
      return;
    }
    const abort = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      try {
        const found = { text, rooms: await api.previews(text, abort.signal) };
        if (cache.size >= CACHE_MAX) cache.clear();
        cache.set(text, found);
        setPreviews(found);
      } catch (error) {
        if (abort.signal.aborted) return;
        const wait =
          error instanceof CallProblem && error.code === "rate_limited" ? (error.retryAfterMs ?? 1_000) : null;
        if (wait !== null) again = setTimeout(ask, wait);
        else setFailed(true);
      }
    };
    again = setTimeout(ask, DEBOUNCE_MS);
    return () => {
      clearTimeout(again);
      abort.abort();
    };
  }, [api, text]);

  return { previews, failed };
}
