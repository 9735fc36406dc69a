import { type FormEvent, useState } from "react";
import { CallProblem } from "../../client/problem";
import type { Session } from "../../client/session";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { problemText } from "../../ui/problem-text";
import styles from "./account.module.css";
import { passwordFault, strengthHint } from "./username-rule";

/** A new password, which is also how one logs out everywhere: all other browsers have to give it. */
export function PasswordForm({ session, onDone }: { session: Session; onDone: () => void }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [finished, setFinished] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<CallProblem | null>(null);
  const wrong = problem?.code === "invalid_credentials" ? "That is not your password." : null;
  const told = problem?.fields.find((fault) => fault.field === "new_password")?.detail ?? null;
  const fault = told ?? passwordFault(next, finished);
  const general = problem && !wrong && !told ? problemText(problem.code, problem.message) : null;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFinished(true);
    setProblem(null);
    if (current === "" || passwordFault(next, true) !== null) return;
    setBusy(true);
    try {
      await session.changePassword(current, next);
      onDone();
    } catch (error) {
      setProblem(error instanceof CallProblem ? error : new CallProblem("internal", 0, ""));
      setBusy(false);
    }
  };

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Field
        label="Password now"
        type="password"
        autoComplete="current-password"
        autoFocus
        value={current}
        invalid={wrong !== null}
        hint={wrong ?? ""}
        onChange={(event) => {
          setCurrent(event.target.value);
          setProblem(null);
        }}
      />
      <Field
        label="New password"
        type="password"
        autoComplete="new-password"
        value={next}
        invalid={fault !== null}
        hint={fault ?? strengthHint(next)}
        onChange={(event) => {
          setNext(event.target.value);
          setProblem(null);
        }}
        onBlur={() => setFinished(next !== "")}
      />
      {general && (
        <p className={styles.problem} role="alert">
          {general}
        </p>
      )}
      <p className={styles.small}>Every other browser and app is logged out. This one stays in.</p>
      <Button kind="ink" type="submit" disabled={busy}>
        {busy ? "One moment…" : "Change it and log out everywhere else"}
      </Button>
    </form>
  );
}
