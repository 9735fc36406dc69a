import type { CSSProperties } from "react";
import { readableNameColor } from "./name-color";

/** Both themes' colours at once; the style sheet picks, so that changing the theme renders nothing anew. */
export function nameColorStyle(color: string): CSSProperties {
  return {
    "--name-dark": readableNameColor(color, "dark"),
    "--name-light": readableNameColor(color, "light"),
  } as CSSProperties;
}
