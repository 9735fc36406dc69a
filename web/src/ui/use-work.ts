import { useState } from "react";
import { CallProblem } from "../client/problem";
import { problemText } from "./problem-text";

/** One call at a time: whether it is under way, and in words what went wrong with the last one. */
export function useWork() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const work = async (call: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setProblem(null);
    try {
      await call();
      return true;
    } catch (error) {
      setProblem(error instanceof CallProblem ? problemText(error.code, error.message) : problemText("internal"));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, work };
}
