import { useSyncExternalStore } from "react";

interface Watchable<T> {
  subscribe(watcher: () => void): () => void;
  getSnapshot(): T;
}

export function useSignal<T>(signal: Watchable<T>): T {
  return useSyncExternalStore(signal.subscribe, signal.getSnapshot, signal.getSnapshot);
}
