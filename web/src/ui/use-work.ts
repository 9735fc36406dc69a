import { useState } from "react";
import { CallProblem } from "../client/problem";
import { problemText, secondsUntil } from "./problem-text";

/** Refusals that are about one field, where the form that was sent has it. */
const FIELD_OF: Record<string, { field: string; detail: string }> = {
  room_taken: { field: "slug", detail: problemText("room_taken") },
  username_taken: { field: "username", detail: problemText("username_taken") },
  invalid_credentials: { field: "current_password", detail: "That is not your password." },
};

/**
 * One call at a time: whether it is under way, and in words what went wrong with the last one. What the server says of
 * one of the `fields` belongs beside that field and is not said twice.
 */
export function useWork(...fields: readonly string[]) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<CallProblem | null>(null);

  const work = async (call: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setFailure(null);
    try {
      await call();
      return true;
    } catch (error) {
      setFailure(error instanceof CallProblem ? error : new CallProblem("internal", 0, ""));
      return false;
    } finally {
      setBusy(false);
    }
  };
  const told = failure === null ? [] : faults(failure).filter(({ field }) => fields.includes(field));
  return {
    busy,
    work,
    problem: failure === null || told.length > 0 ? null : words(failure),
    /** What the server says of a field. */
    wrong: (field: string): string | null => told.find((fault) => fault.field === field)?.detail ?? null,
    /** What was told is no longer so: something else is being typed. */
    forget: () => setFailure(null),
  };
}

function faults(failure: CallProblem): readonly { field: string; detail: string }[] {
  const fault = FIELD_OF[failure.code];
  return fault === undefined ? failure.fields : [fault];
}

function words(failure: CallProblem): string {
  const told = problemText(failure.code, failure.message);
  return failure.retryAfterMs === null ? told : `${told} Try again in ${secondsUntil(failure.retryAfterMs, 0)} s.`;
}
