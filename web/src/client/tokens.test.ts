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

describe("emotes", () => {
  const cut = (text: string, ...ranges: [number, number, string?][]) =>
    tokenize(
      text,
      [],
      null,
      ranges.map(([start, end, id = "7"]) => ({ id, name: "x", start, end })),
    ).map((token) => (token.kind === "emote" ? `<${token.text}>` : token.text));

  it("stand where the server counted code points, not units", () => {
    expect(cut("🤪 Kappa 𝐇 Kappa!", [2, 6], [10, 14])).toEqual(["🤪 ", "<Kappa>", " 𝐇 ", "<Kappa>", "!"]);
    expect(cut("Kappa", [0, 4])).toEqual(["<Kappa>"]);
  });

  it("are text where the range or the id is no good", () => {
    for (const range of [
      [-1, 3],
      [3, 99],
      [4, 2],
      [0.5, 2],
      [Number.NaN, 1],
      [1e9, 2e9],
    ] as [number, number][])
      expect(cut("a Kappa b", range).join("")).toBe("a Kappa b");
    for (const id of ["", "..", "../x", "a/b", "a?b", "https://evil.example", "x".repeat(200), "<img>"])
      expect(cut("a Kappa b", [2, 6, id])).not.toContain("<Kappa>");
    expect(cut("a Kappa b", [2, 6], [4, 8], [2, 6])).toEqual(["a ", "<Kappa>", " b"]);
  });

  it("are names where there are too many, and nothing is lost", () => {
    const text = Array.from({ length: 1_000 }, () => "aa").join(" ");
    const cuts = cut(text, ...Array.from({ length: 1_000 }, (_, at): [number, number] => [at * 3, at * 3 + 1]));
    expect(cuts.filter((part) => part === "<aa>").length).toBe(64);
    expect(cuts.join("").replaceAll(/[<>]/g, "")).toBe(text);
  });
});
