import { type FormEvent, useState } from "react";
import { CallProblem } from "../../client/problem";
import type { Session } from "../../client/session";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { problemText, secondsUntil } from "../../ui/problem-text";
import { Sheet } from "../../ui/sheet";
import styles from "./account.module.css";
import { passwordFault, strengthHint, USERNAME_HINT, usernameFault } from "./username-rule";

export type AccountIntent = "register" | "login";

interface Props {
  session: Session;
  intent: AccountIntent;
  /** What will be said once one is in. */
  keptText: string | null;
  onDone: () => void;
  onClose: () => void;
}

export function AccountSheet({ session, intent, keptText, onDone, onClose }: Props) {
  const [mode, setMode] = useState(intent);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [visible, setVisible] = useState(false);
  const [finished, setFinished] = useState({ username: false, password: false });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<CallProblem | null>(null);

  const registering = mode === "register";
  const told = (field: string) => problem?.fields.find((fault) => fault.field === field)?.detail ?? null;
  const taken = problem?.code === "username_taken" ? problemText("username_taken") : null;
  const nameFault = taken ?? told("username") ?? (registering ? usernameFault(username, finished.username) : null);
  const wordFault = told("password") ?? (registering ? passwordFault(password, finished.password) : null);
  const general = problem && !taken && problem.fields.length === 0 ? describe(problem) : null;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFinished({ username: true, password: true });
    setProblem(null);
    if (username === "" || password === "") return;
    if (registering && (usernameFault(username, true) ?? passwordFault(password, true)) !== null) return;
    setBusy(true);
    try {
      if (registering) await session.register(username, password);
      else await session.login(username, password);
      onDone();
    } catch (error) {
      setProblem(error instanceof CallProblem ? error : new CallProblem("internal", 0, ""));
    } finally {
      setBusy(false);
    }
  };

  const turn = (next: AccountIntent) => {
    setMode(next);
    setProblem(null);
    setFinished({ username: false, password: false });
  };

  return (
    <Sheet title={registering ? "Pick a name" : "Welcome back"} onClose={onClose}>
      {keptText !== null && (
        <p className={styles.kept}>
          “{keptText}” <span>is kept and sent right after.</span>
        </p>
      )}
      <form className={styles.form} onSubmit={submit} noValidate>
        <Field
          label="Name"
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          value={username}
          invalid={nameFault !== null}
          hint={nameFault ?? (registering ? USERNAME_HINT : "")}
          onChange={(event) => {
            setUsername(event.target.value);
            setProblem(null);
          }}
          onBlur={() => setFinished((now) => ({ ...now, username: username !== "" }))}
        />
        <Field
          label="Password"
          name="password"
          type={visible ? "text" : "password"}
          autoComplete={registering ? "new-password" : "current-password"}
          value={password}
          invalid={wordFault !== null}
          hint={wordFault ?? (registering ? strengthHint(password) : "")}
          onChange={(event) => {
            setPassword(event.target.value);
            setProblem(null);
          }}
          onBlur={() => setFinished((now) => ({ ...now, password: password !== "" }))}
        />
        <label className={styles.check}>
          <input type="checkbox" checked={visible} onChange={(event) => setVisible(event.target.checked)} />
          Show password
        </label>
        {general && (
          <p className={styles.problem} role="alert">
            {general}
          </p>
        )}
        <Button kind="primary" type="submit" disabled={busy}>
          {busy ? "One moment…" : registering ? (keptText === null ? "Join" : "Join and send") : "Log in"}
        </Button>
      </form>
      <p className={styles.turn}>
        {registering ? "Been here before? " : "No name yet? "}
        <button type="button" onClick={() => turn(registering ? "login" : "register")}>
          {registering ? "Log in" : "Pick one"}
        </button>
      </p>
    </Sheet>
  );
}

function describe(problem: CallProblem): string {
  const told = problemText(problem.code, problem.message);
  if (problem.retryAfterMs === null) return told;
  return `${told} Try again in ${secondsUntil(problem.retryAfterMs, 0)} s.`;
}
