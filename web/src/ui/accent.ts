import type { CSSProperties } from "react";

/** Hues chosen by hand for the rooms that ship; any other room gets one by its name. Amber belongs to mentions. */
const CHOSEN: Record<string, number> = { bestie: 350, ohio: 128, synergy: 255 };
const AMBER = 80;
const AMBER_WIDTH = 25;

export function roomHue(slug: string): number {
  const chosen = CHOSEN[slug];
  if (chosen !== undefined) return chosen;
  let hash = 2166136261;
  for (const char of slug) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619) >>> 0;
  const free = hash % (360 - 2 * AMBER_WIDTH);
  return (AMBER + AMBER_WIDTH + free) % 360;
}

/** Attributes that give an element and what is in it the room's colour. */
export function roomAccent(slug: string): { "data-accent": "room"; style: CSSProperties } {
  return { "data-accent": "room", style: { "--hue": roomHue(slug) } as CSSProperties };
}
