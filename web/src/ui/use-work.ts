import { useState } from "react";
import { CallProblem } from "../client/problem";
import { problemText } from "./problem-text";

/**
 * One call at a time: whether it is under way, and in words what went wrong with the last one. What the server says of
 * one of the `fields` belongs beside that field and is not said twice.
 */
export function useWork(...fields: readonly string[]) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);

  const work = async (call: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setFailure(null);
    try {
      await call();
      return true;
    } catch (error) {
      setFailure(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  const told = failure instanceof CallProblem ? failure.fields.filter(({ field }) => fields.includes(field)) : [];
  return {
    busy,
    work,
    problem: failure === null || told.length > 0 ? null : words(failure),
    /** What the server says of a field. */
    wrong: (field: string): string | null => told.find((fault) => fault.field === field)?.detail ?? null,
  };
}

const words = (failure: unknown): string =>
  failure instanceof CallProblem ? problemText(failure.code, failure.message) : problemText("internal");
