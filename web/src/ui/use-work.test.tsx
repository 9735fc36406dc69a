import { act, renderHook } from "@testing-library/react";
import { expect, it } from "vitest";
import { CallProblem } from "../client/problem";
import { useWork } from "./use-work";

async function refused(problem: unknown, ...fields: string[]) {
  const { result } = renderHook(() => useWork(...fields));
  await act(async () => {
    expect(await result.current.work(() => Promise.reject(problem))).toBe(false);
  });
  return result;
}

it("tells what is wrong with a field there, and not once more above the button", async () => {
  const fault = { field: "title", code: "invalid", detail: "no line breaks" } as const;
  const form = await refused(new CallProblem("validation_failed", 422, "", [fault]), "title");
  expect([form.current.wrong("title"), form.current.problem]).toEqual(["no line breaks", null]);
  act(() => form.current.forget());
  expect(form.current.wrong("title")).toBeNull();
});

it("tells a refusal that is about one field there where the form has it, and in general words where not", async () => {
  const problem = new CallProblem("invalid_credentials", 401, "");
  const change = await refused(problem, "current_password", "new_password");
  expect([change.current.wrong("current_password"), change.current.problem]).toEqual([
    "That is not your password.",
    null,
  ]);
  const login = await refused(problem, "username", "password");
  expect([login.current.wrong("username"), login.current.wrong("password")]).toEqual([null, null]);
  expect(login.current.problem).toMatch(/don't match/);
});

it("says when to try again, and something also of what nobody foresaw", async () => {
  const fast = await refused(new CallProblem("rate_limited", 429, "", [], 2_400));
  expect(fast.current.problem).toBe("That was faster than allowed. Try again in 3 s.");
  const broken = await refused(new Error("no"));
  expect(broken.current.problem).toMatch(/went wrong/);
});
