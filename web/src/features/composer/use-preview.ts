import { useEffect, useState } from "react";
import type { Api } from "../../client/api";

const DEBOUNCE_MS = 250;
const LETTERS_MIN = 2;

/** What the room would make of the text, roughly: the real one is drawn anew when it is sent. Null while unknown. */
export function usePreview(api: Api, room: string, typed: string): string | null {
  const text = typed.trim();
  const [preview, setPreview] = useState<string | null>(null);
  useEffect(() => {
    const letters = [...text].length;
    if (letters < LETTERS_MIN || letters > 500 || text.startsWith("/")) {
      setPreview(null);
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      // Refused or unreachable: the preview is a comfort, its absence needs no words.
      api.preview(room, text, abort.signal).then(
        (styled) => setPreview(styled),
        () => abort.signal.aborted || setPreview(null),
      );
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [api, room, text]);
  return text.length < LETTERS_MIN ? null : preview;
}
