/**
 * A value that can be watched. The shape that React's `useSyncExternalStore` wants, without React in it: the classes
 * of this folder own the state, components only look.
 */
export class Signal<T> {
  private readonly watchers = new Set<() => void>();

  private value: T;

  constructor(value: T) {
    this.value = value;
  }

  readonly getSnapshot = (): T => this.value;

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const watcher of [...this.watchers]) watcher();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.value));
  }
}
