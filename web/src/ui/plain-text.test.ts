import { expect, it } from "vitest";
import { plainForReaders } from "./plain-text";

it.each([
  ["𝐇𝐞𝐲", "Hey"],
  ["Ⓗⓘ", "Hi"],
  ["✨✨✨ yes", "✨ yes"],
  ["🤪 🤪", "🤪 🤪"],
  ["z\u0301\u0302\u0303\u0304\u0305", "ź\u0302"],
  ["café naïve", "café naïve"],
  ["Привет, 日本", "Привет, 日本"],
])("reads %s as %s", (styled, plain) => expect(plainForReaders(styled)).toBe(plain));
