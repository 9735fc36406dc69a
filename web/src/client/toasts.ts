import { Signal } from "./signal";

export interface Toast {
  id: number;
  text: string;
  /** Takes back what was done. */
  undo?: () => void;
}

/** More than this would cover the chat they speak of. */
const TOASTS_MAX = 3;

/** Short words on what was just done, newest last. */
export class Toasts {
  readonly shown = new Signal<readonly Toast[]>([]);
  private next = 0;

  say(text: string, undo?: () => void): void {
    const toast = { id: this.next++, text, ...(undo && { undo }) };
    this.shown.update((toasts) => [...toasts, toast].slice(-TOASTS_MAX));
  }

  drop(id: number): void {
    this.shown.update((toasts) => toasts.filter((toast) => toast.id !== id));
  }
}
