import { useSyncExternalStore } from "react";

interface Watchable<T> {
  subscribe(watcher: () => void): () => void;
  getSnapshot(): T;
}

export function useSignal<T>(signal: Watchable<T>): T {
  return useSyncExternalStore(signal.subscribe, signal.getSnapshot, signal.getSnapshot);
}

/** A part of a value, for those who are not to render when the rest of it changes. The part keeps its identity. */
export function useSignalPart<T, P>(signal: Watchable<T>, part: (value: T) => P): P {
  const read = () => part(signal.getSnapshot());
  return useSyncExternalStore(signal.subscribe, read, read);
}
