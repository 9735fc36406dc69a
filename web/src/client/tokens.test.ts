import { describe, expect, it } from "vitest";
import { tokenize } from "./tokens";

const links = (text: string) =>
  tokenize(text, [], null).flatMap((token) => (token.kind === "link" ? [token.href] : []));

describe("tokenize", () => {
  it.each([
    ["see https://example.com/a.", ["https://example.com/a"]],
    ["(https://example.com/a_(b))", ["https://example.com/a_(b)"]],
    ["HTTP://EXAMPLE.com", ["http://example.com/"]],
  ])("finds the address in %s", (text, expected) => expect(links(text)).toEqual(expected));

  it.each([
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//example.com",
    "https://",
    "https://good.example@evil.example",
    `https://example.com/${"a".repeat(2_000)}`,
  ])("leaves %.40s as text", (text) => expect(links(text)).toEqual([]));

  it("stops an address at a mark that turns the line around", () => {
    expect(links("https://example.com/\u202Egnp.exe")).toEqual(["https://example.com/"]);
  });

  it("calls a mention only what the server does", () => {
    const tokens = tokenize("@Ada and @eve and mail@ada", ["ada"], "ada");
    expect(tokens.filter((token) => token.kind === "mention")).toEqual([
      { kind: "mention", text: "@Ada", username: "ada", me: true },
    ]);
  });

  it("gives back the very text, whatever it is", () => {
    const lines = [
      "<img src=x onerror=alert(1)>",
      "a  b   c",
      "\u202Eevil",
      "z\u0301\u0302\u0303",
      "👩‍👩‍👧 https://x.example 👩‍👩‍👧",
      "",
    ];
    for (const line of lines)
      expect(
        tokenize(line, [], null)
          .map((token) => token.text)
          .join(""),
      ).toBe(line);
  });
});
