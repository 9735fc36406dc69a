import { expect, it } from "vitest";
import { passwordFault, passwordStrength, usernameFault } from "./username-rule";

it.each(["abc", "Ada_99", "a".repeat(25), "___"])("takes %s", (name) => expect(usernameFault(name, true)).toBeNull());
it.each(["ab", "a".repeat(26), "a b c", "ада", "a-b", "adа", "", "a\u202Eb"])("refuses %j", (name) =>
  expect(usernameFault(name, true)).not.toBeNull(),
);
it("does not scold while one types", () => {
  expect(usernameFault("a", false)).toBeNull();
  expect(passwordFault("abc", false)).toBeNull();
  expect(usernameFault("a!", false)).not.toBeNull();
});
it("counts letters, not bytes", () => {
  expect(passwordFault("🤪🤪🤪🤪🤪🤪🤪🤪", true)).toBeNull();
  expect(passwordFault("🤪🤪🤪🤪🤪🤪🤪", true)).toMatch(/^1 more/);
});
it("does not call a repeated letter strong", () => {
  expect(passwordStrength("aaaaaaaaaaaaaaaa")).not.toBe("strong");
  expect(passwordStrength("correct horse battery staple")).toBe("strong");
});
