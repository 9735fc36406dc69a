import { render } from "@testing-library/react";
import { expect, it } from "vitest";
import { messageRow } from "../../client/rows";
import { messageAt } from "../../testing/messages";
import { LogRow } from "./message-row";

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  '"><iframe src=javascript:alert(1)>',
  "javascript:alert(1)",
  "[x](javascript:alert(1))",
  "{{constructor.constructor('alert(1)')()}}",
  '<a href="data:text/html,<script>alert(1)</script>">x</a>',
  "&lt;script&gt;",
  "\u202E\u2066txt.exe",
  "</div></body></html>",
];

const viewpoint = { username: null, moderates: false, muted: () => false, notes: () => false, ownLine: () => null };
const show = (part: Parameters<typeof messageAt>[1]) =>
  render(<LogRow row={messageRow(messageAt(1, part), viewpoint)} />);

it.each(HOSTILE)("shows %j as text, wherever it stands", (text) => {
  const { container } = show({
    text,
    user: { id: "1", username: text, display_name: text, color: text, badges: [] },
    reply_to: { id: text, username: text, display_name: text, excerpt: text },
  });
  expect(container.querySelector("script, img, iframe, a, [onload], [onerror]")).toBeNull();
  expect(container.textContent).toContain(text);
});

it("opens links apart from this page", () => {
  const { container } = show({ text: "see https://example.com/a" });
  const link = container.querySelector("a");
  expect(link?.getAttribute("target")).toBe("_blank");
  for (const word of ["noopener", "noreferrer", "nofollow"]) expect(link?.getAttribute("rel")).toContain(word);
});

it("keeps the two spaces of a styled line", () => {
  const text = "Hey bestie! ✨💅  Fr fr, hi bestie!  No cap, slayyy.  Busssin.  🤪";
  expect(show({ text }).container.textContent).toContain(text);
});

it("gives readers the letters a style hides", () => {
  const { container } = show({ text: "𝐇𝐞𝐲" });
  expect(container.querySelector(".visually-hidden")?.textContent).toBe("Hey");
  expect(container.querySelector("[aria-hidden] ")?.textContent).toBe("𝐇𝐞𝐲");
});

it("marks a line with a word one wants to notice, and says so to who listens", () => {
  const ada = { ...viewpoint, username: "ada", notes: (text: string) => text.includes("rust") };
  const marked = (part: Parameters<typeof messageAt>[1]) =>
    render(<LogRow row={messageRow(messageAt(1, part), ada)} />).container.textContent?.includes("One of your words: ");
  expect(marked({ text: "rust is nice" })).toBe(true);
  expect(marked({ text: "dust is not" })).toBe(false);
  // What calls one says more, and what one said oneself is no news.
  expect(marked({ text: "@ada rust", mentions: ["ada"] })).toBe(false);
  const own = { id: "1", username: "ada", display_name: "Ada", color: "#FF69B4", badges: [] };
  expect(marked({ text: "rust", user: own })).toBe(false);
});
