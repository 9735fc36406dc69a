/** This close to the end counts as at the end: for following, for the pill and for reading on alike. */
export const AT_END_PX = 40;
/** Older messages are asked for this long before the reader gets there. */
export const NEAR_START_PX = 400;

export const distanceToEnd = (list: HTMLElement): number => list.scrollHeight - list.scrollTop - list.clientHeight;

export interface Anchor {
  key: string;
  top: number;
}

/** The first row in sight and where it stands, to put it back there after rows above it came or went. */
export function readAnchor(list: HTMLElement): Anchor | null {
  const edge = list.getBoundingClientRect().top;
  for (const row of list.querySelectorAll<HTMLElement>("[data-key]")) {
    const box = row.getBoundingClientRect();
    if (box.bottom > edge) return { key: row.dataset.key ?? "", top: box.top - edge };
  }
  return null;
}

export function restoreAnchor(list: HTMLElement, anchor: Anchor): void {
  const row = list.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.key)}"]`);
  if (!row) return;
  const top = row.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (Math.abs(top - anchor.top) >= 0.5) list.scrollTop += top - anchor.top;
}
